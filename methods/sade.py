"""SADE: three experts, for the long-tailed, the uniform and the reversed distribution.

Paper: Zhang et al., "Self-supervised aggregation of diverse experts for test-agnostic long-tailed
    recognition", NeurIPS 2022, https://arxiv.org/abs/2107.09249; code
    (Vanint/SADE-AgnosticLT @cba11b8, model/loss.py).
Equations: L = CE(z^1, y) + CE(z^2 + log pi, y) + CE(z^3 + log pi - tau log rho, y), pi the training
    prior and rho its values in reversed order: the rarest class has the largest. z^m = 30 cos.
Deviations: the mean of the logits at test, without the aggregation that learns from the test
    images without their labels: each image is judged by itself. Classes of equal counts are ranked
    in their order. No constant in the logarithms, as no prior is 0. The experts share three stages
    of a ResNet and have the last at full width.
Status: faithful.
"""

from typing import ClassVar, Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common
from .core.checks import check_interval
from .core.parts.experts import Experts
from .core.ranges import Range
from .core.weights import log_prior


def reversed_ranks(values: Tensor) -> Tensor:
    """The same values [K] in reversed order of rank: the smallest place gets the largest value."""
    order = values.argsort(stable=True)
    turned = torch.empty_like(values)
    turned[order] = values[order.flip(0)]
    return turned


def shifts(counts: Tensor, tau: float) -> Tensor:
    """What is added to the logits of each expert in training: 0, log pi, log pi - tau log rho.

    Args:
        counts: [K].
        tau: of the reversed prior.

    Returns:
        [3, K] float32.
    """
    prior = log_prior(counts)
    return torch.stack([torch.zeros_like(prior), prior, prior - tau * reversed_ranks(prior)])


def expert_losses(logits: Tensor, target: Tensor, shift: Tensor) -> Tensor:
    """Mean cross-entropy of each expert's shifted logits, [M] from [M, B, K] and [M, K]."""
    each = [F.cross_entropy(z + s, target) for z, s in zip(logits, shift, strict=True)]
    return torch.stack(each)


class SADE(Experts):
    """Three skill-diverse experts; the mean of their logits.

    Args:
        spec: the data.
        tau: of the reversed prior.
        common: see ``Method``.
    """

    paper = "Zhang et al. 2022"
    ranges: ClassVar = {"tau": Range(0.5, 3.0)}

    def __init__(self, spec: DataSpec, *, tau: float = 2.0, **common: Unpack[Common]) -> None:
        check_interval(self, "[0, inf)", tau=tau)
        super().__init__(spec, **common)
        self.shift: Tensor
        self.register_buffer("shift", shifts(self.counts, tau), persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """The sum of the experts' losses."""
        logits = self.of_each(self.features(batch.image))
        return expert_losses(logits, batch.target, self.shift).sum()
