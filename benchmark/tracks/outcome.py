"""What the loop of a track gives back."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from medtail.methods.core.base import Method

from ..evidence import record
from ..evidence.normality import Normality
from ..evidence.predictions import Predictions
from .stages import MONITORS

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Kept:
    """A trained network, and what must be known to use it.

    Attributes:
        method: as it was scored.
        slug: of the method that was trained; active: of the learner.
        params: its parameters.
        validation: by which seeds are told apart, see ``validation``.
        normality: one-class: how its scores are read.
    """

    method: Method
    slug: str
    params: dict[str, Any]
    validation: float | None = None
    normality: Normality | None = None


def validation(selection: str, val: record.Metrics, stages: Sequence[record.Stage]) -> float | None:
    """The selection's metric on validation, larger for better; None where selection names none.

    Args:
        selection: of the terms.
        val: metrics of the validation split as the network is scored; where there are none, the
            value of the epoch that was kept stands for them.
        stages: course of training.
    """
    if selection not in MONITORS:
        return None
    name = MONITORS[selection]
    value: Any = val.get(name.removeprefix("val/"))
    if value is None and stages and stages[-1].history:
        value = stages[-1].history[stages[-1].selected].get(name)
    return value if value is not None and math.isfinite(value) else None


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
        kept: the network that gave the test's predictions.
    """

    method: Method
    stages: tuple[record.Stage, ...]
    seconds: float
    images: int
    test: Predictions
    val: Predictions | None
    metrics: record.Metrics
    support: tuple[int, ...]
    kept: Kept
    scored_names: tuple[str, ...] = ()
    balanced: record.Metrics = field(default_factory=dict)
    rounds: tuple[record.Round, ...] = ()
