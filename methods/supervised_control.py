"""Supervised control of the one-class track: it sees the abnormal labels that others do not.

Paper: none; weighted cross-entropy on all labels, so that readers see the price of one class.
Equations: those of ``weighted_ce``, with the counts of all training images, the withheld too.
Deviations: it breaks the rule of its table on purpose. The finding ``withheld_labels`` says how
    many abnormal labels it was given beyond the regime; under ``binary<ratio>`` none are withheld,
    and it is ``weighted_ce``. With more images an epoch has more steps, too.
Status: faithful.
"""

from dataclasses import replace
from typing import ClassVar, Unpack

from torch import Tensor

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec, Track

from .core.base import Common, Method, Stage
from .core.losses import weighted_cross_entropy
from .weighted_ce import inverse_frequency_weights


class SupervisedControl(Method):
    """Weighted cross-entropy on all training labels.

    Args:
        spec: the data.
        common: see ``Method``.
    """

    paper = "control: all labels"
    tracks: ClassVar[tuple[Track, ...]] = ("one_class",)

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        more = spec.withheld or (0,) * spec.num_classes
        counts = tuple(a + b for a, b in zip(spec.class_counts, more, strict=True))
        super().__init__(replace(spec, class_counts=counts), **common)
        self.weight: Tensor
        self.register_buffer("weight", inverse_frequency_weights(self.counts), persistent=False)
        self.spec = spec
        self.withheld = sum(more)

    def loss(self, batch: Batch) -> Tensor:
        """Weighted cross-entropy of a batch."""
        return weighted_cross_entropy(self(batch.image), batch.target, self.weight)

    def request(self, stage: Stage) -> DataRequest:
        """The withheld images, too."""
        return DataRequest(withheld=True)

    def findings(self) -> dict[str, float]:
        """Abnormal labels it has seen that the regime withholds."""
        return {"withheld_labels": float(self.withheld)}
