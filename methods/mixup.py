"""Mixup: training on convex combinations of pairs of images and of their targets.

Paper: Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018.
Equations: section 1, x = lam x_i + (1 - lam) x_j, y = lam y_i + (1 - lam) y_j,
    lam ~ Beta(alpha, alpha).
Deviations: one lam per batch, as in the paper's experiments (section 2). Partners are drawn within
    the batch; under several processes, within each one's share.
Status: faithful.
"""

from typing import Unpack

from torch import Tensor

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method
from .core.checks import check_interval
from .core.mixing import draw_partners, draw_weight, mix, mixed_cross_entropy


class Mixup(Method):
    """Cross-entropy on mixed images; images as they are at test.

    Args:
        spec: the data.
        alpha: of the Beta distribution; 1 is uniform, towards 0 nothing is mixed.
        common: see ``Method``.
    """

    paper = "Zhang et al. 2018"

    def __init__(self, spec: DataSpec, *, alpha: float = 1.0, **common: Unpack[Common]) -> None:
        check_interval(self, "(0, inf)", alpha=alpha)
        super().__init__(spec, **common)
        self.alpha = alpha

    def loss(self, batch: Batch) -> Tensor:
        """Mixed cross-entropy of a batch with its own permutation."""
        weight, partner = draw_weight(self.alpha, self.alpha), draw_partners(batch.image)
        logits = self(mix(batch.image, batch.image[partner], weight))
        return mixed_cross_entropy(logits, batch.target, batch.target[partner], weight)
