"""OHEM: only the hardest samples of a batch are learnt from.

Paper: Shrivastava et al., "Training region-based object detectors with online hard example mining",
    CVPR 2016.
Equations: L = mean of the ceil(keep B) largest cross-entropies of a batch.
Deviations: the paper picks regions of an image; for classification, samples of the batch, and 70 %
    of them is our choice. Under several processes each one picks from its own share.
Status: reconstruction.
"""

import math
from typing import Unpack

from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method
from .core.checks import check_interval


def hard_example_loss(logits: Tensor, target: Tensor, keep: float) -> Tensor:
    """Mean of the largest cross-entropies.

    Args:
        logits: [B, K].
        target: [B].
        keep: share of the batch that counts; 1 is cross-entropy.

    Returns:
        A scalar.
    """
    each = F.cross_entropy(logits, target, reduction="none")
    return each.topk(math.ceil(keep * len(each))).values.mean()


class OHEM(Method):
    """Cross-entropy over the hardest part of every batch.

    Args:
        spec: the data.
        keep: share of the batch that counts, in (0, 1].
        common: see ``Method``.
    """

    paper = "Shrivastava et al. 2016"
    status = "reconstruction"

    def __init__(self, spec: DataSpec, *, keep: float = 0.7, **common: Unpack[Common]) -> None:
        check_interval(self, "(0, 1]", keep=keep)
        super().__init__(spec, **common)
        self.keep = keep

    def loss(self, batch: Batch) -> Tensor:
        """Hard-example loss of a batch."""
        return hard_example_loss(self(batch.image), batch.target, self.keep)
