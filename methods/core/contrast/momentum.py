"""Momentum contrast: a slow copy of a network, and a queue of labelled keys (He et al., CVPR 2020).

Both are persistent buffers: they are saved, equal on all processes, and no optimiser sees them.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from ..precision import exact, without_autocast


def _buffer(name: str) -> str:
    return name.replace(".", "/")  # names of buffers must not have dots


class MomentumCopy(nn.Module):
    """The exponential moving average of a network's parameters, with batch statistics of its own.

    It holds values only and is computed with the network's own modules, so that whatever is done to
    these (another memory format, BatchNorm over processes) is done to the copy.

    Args:
        network: to copy.
        momentum: share of the old value that an update keeps.
    """

    def __init__(self, network: nn.Module, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        for name, value in [*network.named_parameters(), *network.named_buffers()]:
            self.register_buffer(_buffer(name), value.detach().clone())

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """theta_k <- m theta_k + (1 - m) theta_q."""
        for name, value in network.named_parameters():
            self.get_buffer(_buffer(name)).lerp_(value, 1 - self.momentum)

    @torch.no_grad()
    def forward(self, network: nn.Module, value: Tensor) -> Tensor:
        """What the network gives for ``value`` with the slow parameters, without a gradient."""
        state = {
            name: self.get_buffer(_buffer(name))
            for name, _ in [*network.named_parameters(), *network.named_buffers()]
        }
        result: Tensor = functional_call(network, state, (value,))
        return result


class LabelledQueue(nn.Module):
    """The last keys and their classes: a ring, so that batches of any size fit.

    Args:
        size: the most it holds.
        dim: of a key.
    """

    keys: Tensor
    target: Tensor
    place: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(size, dim))
        self.register_buffer("target", torch.full((size,), -1))  # -1: not filled yet
        self.register_buffer("place", torch.tensor(0))

    def filled(self) -> tuple[Tensor, Tensor]:
        """Keys [M, D] and their classes [M], M <= size: only what has been put in."""
        there = self.target >= 0
        return self.keys[there], self.target[there]

    @torch.no_grad()
    def put(self, keys: Tensor, target: Tensor) -> None:
        """Add keys [B, D] (of all processes) and their classes [B] in place of the oldest."""
        size = len(self.target)
        places = (self.place + torch.arange(len(target), device=target.device)) % size
        last = slice(-size, None)  # of a batch larger than the queue
        self.keys[places[last]] = keys[last].to(self.keys.dtype)
        self.target[places[last]] = target[last]
        self.place.copy_((self.place + len(target)) % size)


class Projection(nn.Module):
    """Two layers onto the unit sphere, for contrastive losses: features [B, D] -> [B, dim].

    Args:
        num_features: D, and the width of the hidden layer.
        dim: of the embedding.
        norm: of the hidden layer.
    """

    def __init__(self, num_features: int, dim: int, norm: type[nn.Module] = nn.Identity) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(num_features, num_features),
            norm(num_features),
            nn.ReLU(),
            nn.Linear(num_features, dim),
        )

    @without_autocast
    def forward(self, features: Tensor) -> Tensor:
        """In float32 even where the backbone runs in bfloat16."""
        return F.normalize(self.layers(exact(features)))
