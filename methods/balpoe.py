"""BalPoE: a balanced product of experts, each with another share of the prior, on mixed images.

Paper: Sanchez Aimar et al., "Balanced product of calibrated experts for long-tailed recognition",
    CVPR 2023, https://arxiv.org/abs/2206.05260; code (emasa/BalPoE-CalibratedLT @ca607ae,
    model/loss.py).
Equations: L = 1/M sum_m CE(z^m + tau_m log pi, y) on mixup's images and targets, lam ~
    Beta(alpha, alpha); z^m = 30 cos. At test the mean of the logits, which is right for a uniform
    prior as the mean of the tau is 1.
Deviations: the tau are given by their spread, evenly about 1, so that their mean cannot be another.
    The experts share three stages of a ResNet and have the last at full width. Partners are of one
    process's share of a batch.
Status: faithful.
"""

from typing import ClassVar, Unpack

import torch
from torch import Tensor

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common
from .core.checks import check_interval
from .core.mixing import draw_partners, draw_weight, mix, mixed_cross_entropy
from .core.parts.experts import Experts
from .core.ranges import Range
from .core.weights import log_prior


def shares_of_prior(experts: int, spread: float) -> Tensor:
    """tau_m evenly from 1 - spread to 1 + spread, [M]; 1 of a single expert."""
    if experts == 1:
        return torch.ones(1)
    return 1 + spread * torch.linspace(-1, 1, experts)


def balanced_product_loss(
    logits: Tensor, first: Tensor, second: Tensor, weight: float, shift: Tensor
) -> Tensor:
    """1/M sum_m of the mixed cross-entropy of z^m + tau_m log pi.

    Args:
        logits: [M, B, K].
        first: [B] targets.
        second: [B] targets of the partners.
        weight: of the first.
        shift: [M, K], tau_m log pi.

    Returns:
        A scalar.
    """
    each = [
        mixed_cross_entropy(z + s, first, second, weight)
        for z, s in zip(logits, shift, strict=True)
    ]
    return torch.stack(each).mean()


class BalPoE(Experts):
    """Logit-adjusted experts whose mean aims at the uniform prior.

    Args:
        spec: the data.
        experts: M.
        spread: of tau; 1 gives 0, 1, 2 for three experts.
        alpha: of mixup's Beta distribution; 0 mixes nothing.
        common: see ``Method``.
    """

    paper = "Sanchez Aimar et al. 2023"
    ranges: ClassVar = {"alpha": Range(0.0, 1.0), "spread": Range(0.0, 2.0)}

    def __init__(
        self,
        spec: DataSpec,
        *,
        experts: int = 3,
        spread: float = 1.0,
        alpha: float = 0.4,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, inf)", spread=spread, alpha=alpha)
        super().__init__(spec, experts=experts, **common)
        self.alpha = alpha
        self.shift: Tensor
        tau = shares_of_prior(len(self.classifier), spread)
        self.register_buffer("shift", tau[:, None] * log_prior(self.counts), persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """Mean of the experts' losses on a batch mixed with its own permutation."""
        image, first, second, weight = batch.image, batch.target, batch.target, 1.0
        if self.alpha:
            weight, partner = draw_weight(self.alpha, self.alpha), draw_partners(image)
            image, second = mix(image, image[partner], weight), first[partner]
        logits = self.of_each(self.features(image))
        return balanced_product_loss(logits, first, second, weight, self.shift)
