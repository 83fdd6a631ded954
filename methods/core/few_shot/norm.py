"""Batch normalisation within an episode: statistics of the support set, for queries as well.

So a query is judged by itself (inductive); no running statistics exist that tasks could write.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class SupportNorm(nn.Module):
    """What ``switch_norms`` makes of a BatchNorm; written out so that it can be derived twice.

    Attributes:
        first: images at the head of a batch that give the mean and the variance; None for all.
    """

    weight: Tensor
    bias: Tensor
    eps: float
    first: int | None = None

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] -> the same, normalised by the first images' statistics."""
        var, mean = torch.var_mean(image[: self.first], (0, 2, 3), correction=0)
        scale = self.weight * torch.rsqrt(var + self.eps)
        shift = self.bias - mean * scale
        out = image * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)
        for name in ("drop", "act"):  # timm's norms bring their activation along
            if hasattr(self, name):
                out = getattr(self, name)(out)
        return out


def switch_norms(network: nn.Module) -> None:
    """Turn every BatchNorm2d into a ``SupportNorm``, in place, weights untouched."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                delattr(module, name)
            module.__class__ = SupportNorm  # type: ignore[assignment]  # plain Python classes


@contextmanager
def statistics_of(first: int | None, *networks: nn.Module) -> Iterator[None]:
    """Within, norms take their statistics from the first images of a batch."""
    norms = [m for n in networks for m in n.modules() if isinstance(m, SupportNorm)]
    for norm in norms:
        norm.first = first
    try:
        yield
    finally:
        for norm in norms:
            norm.first = None
