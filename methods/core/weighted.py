"""Cross-entropy weighted by class, from the first epoch on or deferred: base of several papers."""

from collections.abc import Callable
from typing import Unpack

from torch import Tensor

from medtail.datamodules.core.contract import Batch, DataSpec

from .base import Common, Method
from .checks import check_flags
from .losses import weighted_cross_entropy
from .weights import deferred


class WeightedMethod(Method):
    """L = 1/B sum_i w_{y_i} (-log softmax(s_i)_{y_i}) with weights of the class counts.

    Args:
        spec: the data.
        weigh: counts [K] -> weights [K].
        drw: weigh in the last fifth of the epochs only (Cao et al., NeurIPS 2019, algorithm 1).
        common: see ``Method``.
    """

    def __init__(
        self,
        spec: DataSpec,
        weigh: Callable[[Tensor], Tensor],
        *,
        drw: bool,
        **common: Unpack[Common],
    ) -> None:
        check_flags(self, drw=drw)
        super().__init__(spec, **common)
        self.drw = drw
        self.weight: Tensor
        self.register_buffer("weight", weigh(self.counts), persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """Weighted cross-entropy of a batch."""
        weight = deferred(self.weight, self.epoch_progress) if self.drw else self.weight
        return weighted_cross_entropy(self(batch.image), batch.target, weight)
