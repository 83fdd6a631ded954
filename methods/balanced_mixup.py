"""Balanced-MixUp: natural batches mixed with class-balanced batches.

Paper: Galdran et al., "Balanced-MixUp for highly imbalanced medical image classification", MICCAI
    2021.
Equations: x = (1 - lam) x_I + lam x_C, y = (1 - lam) y_I + lam y_C, lam ~ Beta(alpha, 1), with I
    drawn by instance and C by class: the natural sample dominates (E[lam] = alpha / (alpha + 1),
    1/6 at the default), as the authors' repository has it (agaldran/balanced_mixup @20ac592).
Deviations: one lam per batch. An epoch is as long as without mixing; its images are twice as many.
Status: faithful.
"""

from typing import Unpack

from torch import Tensor

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec

from .core.base import Common, Method, Stage
from .core.checks import check_interval
from .core.mixing import draw_weight, mix, mixed_cross_entropy


class BalancedMixup(Method):
    """Cross-entropy on natural images into which class-balanced ones are mixed.

    Args:
        spec: the data.
        alpha: of Beta(alpha, 1), above 0; the larger, the more of the balanced batch.
        common: see ``Method``.
    """

    paper = "Galdran et al. 2021"

    def __init__(self, spec: DataSpec, *, alpha: float = 0.2, **common: Unpack[Common]) -> None:
        check_interval(self, "(0, inf)", alpha=alpha)
        super().__init__(spec, **common)
        self.alpha = alpha

    def request(self, stage: Stage) -> DataRequest:
        """A natural and a class-balanced stream."""
        return DataRequest(second="class_balanced")

    def loss(self, batch: Batch) -> Tensor:
        """Mixed cross-entropy of the two streams."""
        natural, balanced = batch, batch.second
        assert balanced is not None, "the second stream was requested"
        weight = draw_weight(self.alpha, 1.0)
        logits = self(mix(balanced.image, natural.image, weight))
        return mixed_cross_entropy(logits, balanced.target, natural.target, weight)
