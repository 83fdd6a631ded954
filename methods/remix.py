"""Remix: mixup whose targets favour the rarer class of a pair.

Paper: Chou et al., "Remix: rebalanced mixup", ECCV workshops 2020.
Equations: x = lam x_i + (1 - lam) x_j and y = l y_i + (1 - l) y_j with
    l = 0 if n_i / n_j >= kappa and lam < tau; 1 if n_i / n_j <= 1 / kappa and 1 - lam < tau;
    lam otherwise; lam ~ Beta(1, 1).
Deviations: one lam per batch; partners are drawn within the batch; under several processes, within
    each one's share.
Status: faithful.
"""

from typing import Unpack

import torch
from torch import Tensor

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method
from .core.checks import check_interval
from .core.mixing import draw_partners, draw_weight, mix, mixed_cross_entropy


def remix_target_weight(
    weight: float, first: Tensor, second: Tensor, kappa: float, tau: float
) -> Tensor:
    """Weight of the first target of each pair.

    Args:
        weight: of the first image, in [0, 1].
        first: [B] training images of the first image's class.
        second: [B] those of the second's.
        kappa: ratio of counts from which a pair is imbalanced.
        tau: smallest share of an image below which it can lose its target.

    Returns:
        [B] float32.
    """
    ratio = first.double() / second.double()
    mixed = torch.full_like(ratio, weight)
    if 1 - weight < tau:
        mixed = mixed.masked_fill(ratio <= 1 / kappa, 1.0)
    if weight < tau:
        mixed = mixed.masked_fill(ratio >= kappa, 0.0)
    return mixed.float()


class Remix(Method):
    """Cross-entropy on mixed images, their targets tipped to the rarer class.

    Args:
        spec: the data.
        alpha: of the Beta distribution.
        kappa: see ``remix_target_weight``; at least 1.
        tau: see ``remix_target_weight``; 0 is mixup.
        common: see ``Method``.
    """

    paper = "Chou et al. 2020"

    def __init__(
        self,
        spec: DataSpec,
        *,
        alpha: float = 1.0,
        kappa: float = 3.0,
        tau: float = 0.5,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(0, inf)", alpha=alpha)
        check_interval(self, "[1, inf)", kappa=kappa)
        check_interval(self, "[0, 1]", tau=tau)
        super().__init__(spec, **common)
        self.alpha, self.kappa, self.tau = alpha, kappa, tau

    def loss(self, batch: Batch) -> Tensor:
        """Remixed cross-entropy of a batch with its own permutation."""
        weight, partner = draw_weight(self.alpha, self.alpha), draw_partners(batch.image)
        first, second = batch.target, batch.target[partner]
        logits = self(mix(batch.image, batch.image[partner], weight))
        counts = self.counts
        share = remix_target_weight(weight, counts[first], counts[second], self.kappa, self.tau)
        return mixed_cross_entropy(logits, first, second, share)
