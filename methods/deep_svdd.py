"""Deep SVDD: features of the given class in the smallest ball about a fixed centre.

Paper: Ruff et al., "Deep one-class classification", ICML 2018; the authors' code
    (lukasruff/Deep-SVDD-PyTorch).
Equations: one-class L = 1/N sum_i ||phi(x_i) - c||^2; soft boundary L = R^2 + 1/(nu N) sum_i max(0,
    ||phi(x_i) - c||^2 - R^2), with R^2 the (1 - nu) quantile of the squared distances of the batch
    before, as in the authors' code, 0 in the first tenth of the epochs. Score: ||phi(x) - c||^2, of
    the soft boundary minus R^2. c is the mean output of the untrained network, no component nearer
    to 0 than 0.1.
Deviations: phi is the suite's backbone and a linear map without bias to 32 dimensions (the paper's
    LeNets have 32 to 128), not pretrained as an autoencoder. Biases and scales of all norms stay at
    0 and 1, as in the authors' networks, so that no bias can answer with the centre; position
    embeddings of a transformer can. The ReLUs are the backbone's. c is the mean over the first
    batch (of all processes), in training mode; the authors pass over all the data.
Status: faithful.
"""

from typing import Unpack

import torch
from torch import Tensor, nn

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError

from .core.base import Common
from .core.checks import check_interval
from .core.gathering import gathered
from .core.one_class.base import OneClass

NEAREST = 0.1  # of a centre's component to 0; get_c in the authors' code
DIM = 32
WARM_UP = 0.1  # share of the epochs; the authors: 10 of up to 150


def fixed_centre(outputs: Tensor) -> Tensor:
    """Mean [D] of outputs [N, D], no component nearer to 0 than ``NEAREST``."""
    mean = outputs.mean(0)
    away = torch.where(mean < 0, -NEAREST, NEAREST).to(mean)
    return torch.where(mean.abs() < NEAREST, away, mean)


def soft_boundary_loss(squared: Tensor, radius2: Tensor, nu: float) -> Tensor:
    """R^2 + 1/(nu N) sum_i max(0, d_i^2 - R^2) of squared distances [N]."""
    return radius2 + (squared - radius2).clamp(min=0).mean() / nu


def without_biases(network: nn.Module) -> None:
    """Fix every bias at 0 and every scale of a norm at 1, in place."""
    for name, value in network.named_parameters():
        if value.ndim == 1:
            value.requires_grad_(False).fill_(0.0 if name.endswith("bias") else 1.0)


class DeepSVDD(OneClass):
    """Squared distance to a fixed centre.

    Args:
        spec: the data.
        soft_boundary: the variant with a radius.
        nu: of the soft boundary: the share of given images that may lie outside.
        common: see ``Method``.
    """

    paper = "Ruff et al. 2018"

    def __init__(
        self,
        spec: DataSpec,
        *,
        soft_boundary: bool = False,
        nu: float = 0.1,
        **common: Unpack[Common],
    ) -> None:
        if not isinstance(soft_boundary, bool):
            raise MedtailError(f"deep_svdd: soft_boundary must be true or false: {soft_boundary!r}")
        check_interval(self, "(0, 1)", nu=nu)
        super().__init__(spec, **common)
        self.soft_boundary, self.nu = soft_boundary, nu
        without_biases(self.backbone)
        self.classifier = nn.Linear(self.num_features, DIM, bias=False)
        self.centre: Tensor
        self.radius2: Tensor
        self.placed: Tensor
        self.register_buffer("centre", torch.zeros(DIM))
        self.register_buffer("radius2", torch.zeros(()))
        self.register_buffer("placed", torch.tensor(False))

    def squared_distance(self, image: Tensor) -> Tensor:
        """||phi(x) - c||^2, [B]."""
        return self._from_centre(self.score(self.features(image)))

    def _from_centre(self, outputs: Tensor) -> Tensor:
        return (outputs - self.centre).square().sum(1)

    def given_loss(self, image: Tensor) -> Tensor:
        """Mean squared distance, or the soft boundary's loss."""
        outputs = gathered(self.score(self.features(image)))
        if not self.placed:
            self.centre.copy_(fixed_centre(outputs.detach()))
            self.placed.fill_(True)
        squared = self._from_centre(outputs)
        if not self.soft_boundary:
            return squared.mean()
        loss = soft_boundary_loss(squared, self.radius2, self.nu)
        if self.epoch_progress >= WARM_UP:
            self.radius2.copy_(squared.detach().quantile(1 - self.nu))
        return loss

    def abnormality(self, image: Tensor) -> Tensor:
        """Squared distance to the centre, beyond the radius where there is one."""
        return self.squared_distance(image) - self.radius2
