"""What the loop of a track gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field

from medtail.methods.core.base import Method

from ..evidence import record
from ..evidence.predictions import Predictions

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Scored:
    """A method after its training, its predictions and their metrics.

    Attributes:
        method: trained; active: the one that acquires, whose findings are kept.
        stages: course of training.
        seconds: wall-clock time of training.
        images: training images seen, all streams and views.
        test: predictions of the test; active: after the last round.
        val: predictions of the validation split, where thresholds come from it.
        metrics: of the test; the track's metrics module names them.
        balanced: the same with every class weighing the same; empty where that has no meaning.
        support: numbers of test images of each scored class.
        scored_names: names of the scored classes, where they are not those trained on.
        rounds: of active learning.
    """

    method: Method
    stages: tuple[record.Stage, ...]
    seconds: float
    images: int
    test: Predictions
    val: Predictions | None
    metrics: record.Metrics
    support: tuple[int, ...]
    scored_names: tuple[str, ...] = ()
    balanced: record.Metrics = field(default_factory=dict)
    rounds: tuple[record.Round, ...] = ()
