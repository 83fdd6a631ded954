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

from medtail.datamodules.core.contract import DataRequest, DataSpec, Track

from .core.base import Common, Stage
from .core.weighted import WeightedMethod
from .weighted_ce import inverse_frequency_weights


class SupervisedControl(WeightedMethod):
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
        spec_of_all = replace(spec, class_counts=counts)
        super().__init__(spec_of_all, inverse_frequency_weights, drw=False, **common)
        self.spec = spec
        self.withheld = sum(more)

    def request(self, stage: Stage) -> DataRequest:
        """The withheld images, too."""
        return DataRequest(withheld=True)

    def findings(self) -> dict[str, float]:
        """Abnormal labels it has seen that the regime withholds."""
        return {"withheld_labels": float(self.withheld)}
