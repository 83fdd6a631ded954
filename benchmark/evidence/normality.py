"""One-class: how raw scores of abnormality are read."""

from typing import TYPE_CHECKING

from ..grid.cell import Frozen

if TYPE_CHECKING:
    from torch import Tensor  # who lists or removes networks does without


class Normality(Frozen):
    """How raw scores become those of a record, and which of them are called abnormal.

    Attributes:
        middle: median raw score of the given validation images.
        scale: their interquartile range.
        threshold: the standardised score that 95 % of them stay below.
    """

    middle: float
    scale: float
    threshold: float

    def standardised(self, raw: "Tensor") -> "Tensor":
        """Logits [N] of abnormal against given, from raw scores [N].

        asinh of (score - middle) / scale: linear around the given images, logarithmic far off,
        where a probability would round to 1 and scores tie. A monotone map, so that float16 keeps
        the order.
        """
        return ((raw - self.middle) / self.scale).asinh()
