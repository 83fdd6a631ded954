"""TDE: what the momentum of training adds to every feature is taken out again at test.

Paper: Tang, Huang and Zhang, "Long-tailed classification by keeping the good and removing the bad
    momentum causal effect", NeurIPS 2020 (arXiv 2009.12991).
Equations: heads h = 1..H over slices of f; xh = f^h / ||f^h||, wh_c = w^h_c / (||w^h_c|| + g);
    training: s_c = (tau / H) sum_h xh.wh_c, cross-entropy; m <- mu m + mean_batch f, every step;
    test: s_c = (tau / H) sum_h ( xh - a cos(xh, mh) mh ).wh_c, mh = m^h / ||m^h||.
    H 2, tau 16, g 1/32, a 1.5, mu 0.9: theirs for CIFAR (ImageNet-LT: a 3).
Code: KaihuaTang/Long-Tailed-Recognition.pytorch @5c916d0, CausalNormClassifier.py; it is under
    GPL-3: written from the equations.
Deviations: rows w_c start as nn.Linear's. Validation uses the test form, so it chooses the epoch. a
    belongs to the data, and is to be chosen on validation (``medtail tune``), never on test.
Status: faithful.
"""

from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import MedtailError

from .core.base import Common, Method
from .core.checks import check_interval, slug
from .core.gathering import gathered
from .core.precision import exact, without_autocast
from .core.ranges import Range


def unit_slices(features: Tensor, heads: int) -> Tensor:
    """xh, the features [B, D] in H slices of norm 1, [B, H, D / H]."""
    return F.normalize(features.view(len(features), heads, -1), dim=2)


def without_direction(slices: Tensor, moving: Tensor, alpha: float) -> Tensor:
    """Slices xh - a cos(xh, mh) mh, [B, H, D / H].

    Args:
        slices: xh, [B, H, D / H].
        moving: m, [D]; of zeros it takes nothing away.
        alpha: a; 0 takes nothing away.
    """
    m = F.normalize(moving.view(slices.shape[1:]), dim=1)
    return slices - alpha * (slices * m).sum(2, keepdim=True) * m


def normalised_linear(slices: Tensor, weight: Tensor, tau: float, gamma: float) -> Tensor:
    """(tau / H) sum_h slice_h . w^h_c / (||w^h_c|| + g), [B, K].

    Args:
        slices: [B, H, D / H].
        weight: rows w_c, [K, D].
        tau: scale.
        gamma: g.
    """
    w = weight.view(-1, *slices.shape[1:])
    w = w / (torch.linalg.vector_norm(w, dim=2, keepdim=True) + gamma)
    return tau / slices.shape[1] * torch.einsum("bhd,khd->bk", slices, w)


class TDE(Method):
    """A normalised classifier, at test without the direction in which training moved features.

    Args:
        spec: the data.
        alpha: a, at least 0; 0 is the normalised classifier.
        heads: H, a divisor of the features' number.
        tau: scale of the logits.
        gamma: g, added to the norms of the rows.
        momentum: mu, in [0, 1).
        common: see ``Method``.

    Raises:
        MedtailError: the features cannot be cut into so many slices.
    """

    paper = "Tang et al. 2020"
    ranges = {"alpha": Range(0.0, 3.0)}

    def __init__(
        self,
        spec: DataSpec,
        *,
        alpha: float = 1.5,
        heads: int = 2,
        tau: float = 16.0,
        gamma: float = 0.03125,
        momentum: float = 0.9,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, inf)", alpha=alpha, gamma=gamma)
        check_interval(self, "[1, inf)", heads=heads)
        check_interval(self, "(0, inf)", tau=tau)
        check_interval(self, "[0, 1)", momentum=momentum)
        super().__init__(spec, **common)
        if self.num_features % heads:
            raise MedtailError(
                f"{slug(self)}: {self.num_features} features are not {heads} slices of one length: "
                "set heads to a divisor"
            )
        self.classifier = nn.Linear(self.num_features, spec.num_classes, bias=False)
        self.alpha, self.heads, self.momentum = alpha, heads, momentum
        self.tau, self.gamma = tau, gamma
        self.moving: Tensor
        self.register_buffer("moving", torch.zeros(self.num_features))

    def scored(self, slices: Tensor) -> Tensor:
        """Slices [B, H, D / H] -> logits [B, K]."""
        weight = self.classifier.get_parameter("weight")
        return normalised_linear(slices, weight, self.tau, self.gamma)

    def classify(self, features: Tensor) -> Tensor:
        """Features [B, D] -> logits [B, K] without the direction of m."""
        slices = unit_slices(features, self.heads)
        return self.scored(without_direction(slices, self.moving, self.alpha))

    @without_autocast
    def training_logits(self, features: Tensor) -> Tensor:
        """Features [B, D] -> logits [B, K], and m moves on."""
        features = exact(features)
        mean = gathered(features.detach()).mean(0)
        self.moving.mul_(self.momentum).add_(mean)
        return self.scored(unit_slices(features, self.heads))

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of a batch on plain logits."""
        logits = self.training_logits(self.features(batch.image))
        return F.cross_entropy(logits, batch.target)
