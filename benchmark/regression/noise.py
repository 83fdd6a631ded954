"""How much an unchanged method moves: the noise that a drop is held against. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from medtail.datamodules.core.contract import Track

from ..evidence.predictions import Predictions
from ..metrics.few_shot import episode_aucs
from ..metrics.one_class import log_odds
from ..statistics import intervals
from ..statistics.intervals import LEVEL, Floats, Interval
from ..statistics.variance import moderated

REPLICATES = 1000  # of the samples, for a standard error


@dataclass(frozen=True)
class Noise:
    """Standard errors of a mean difference over paired seeds.

    Attributes:
        training: of independent trainings of an unchanged method, scored on the same samples.
        freedom: degrees of freedom that ``training`` was estimated with.
        samples: of these very trainings on other samples; 0 where that cannot be told.
    """

    training: float
    freedom: float
    samples: float

    def interval(self, difference: float) -> Interval:
        """95 % about a difference, from the larger error."""
        error = max(self.training, self.samples)
        half = float(student.ppf((1 + LEVEL) / 2, self.freedom)) * error
        return Interval(difference, difference - half, difference + half)

    def p(self, loss: float) -> float:
        """One-sided: that an unchanged method loses so much. The larger of two p-values."""
        training = student.sf(_in_errors(loss, self.training), self.freedom)
        return float(max(training, norm.sf(_in_errors(loss, self.samples))))


def _in_errors(loss: float, error: float) -> float:
    if error > 0:
        return loss / error
    return math.copysign(math.inf, loss) if loss else 0.0


def training_error(variance: float, seeds: int) -> float:
    """Of the mean difference of so many paired seeds, were both sides drawn anew."""
    return math.sqrt(2 * variance / seeds)


def between_seeds(rows: Sequence[Sequence[float]]) -> tuple[Floats, Floats]:
    """[R] variances between the seeds of a table's rows, ``moderated``, and degrees of freedom."""
    freedom = np.array([max(len(row) - 1, 0) for row in rows], dtype=np.float64)
    variance = np.array([np.var(row, ddof=1) if len(row) > 1 else math.nan for row in rows])
    return moderated(variance, freedom)


def sample_error(base: Sequence[Predictions], new: Sequence[Predictions], track: Track) -> float:
    """Standard error of the mean difference over other samples, by a paired bootstrap.

    Args:
        base: predictions of S seeds.
        new: of the same seeds and samples.
        track: decides on the metric; few-shot draws episodes, the others groups within classes.
            Active: 0, as the primary metric is about all rounds, predictions about the last.
    """
    if track == "active" or not base:
        return 0.0
    weights = _weights(base[0], track)
    pairs = zip(base, new, strict=True)
    drawn = [_metric(other, track, weights) - _metric(one, track, weights) for one, other in pairs]
    return float(np.mean(drawn, axis=0).std(ddof=1))


def _weights(given: Predictions, track: Track) -> NDArray[np.float32]:
    """[R, N] times that each sample is drawn; few-shot: [R, E] each episode."""
    if track == "few_shot":
        amount = len(episode_aucs(given))
        even = np.full(amount, 1 / amount)
        drawn = np.random.default_rng(0).multinomial(amount, even, REPLICATES)
        return drawn.astype(np.float32)
    return intervals.group_weights(given.target, given.group, REPLICATES, 0)


def _metric(given: Predictions, track: Track, weights: NDArray[np.float32]) -> Floats:
    """[R] the track's primary metric under weights."""
    if track == "few_shot":
        values: Floats = weights @ episode_aucs(given) / weights.sum(1)
        return values
    if track == "one_class":
        return intervals.auc(log_odds(given), given.target == 1, np.ascontiguousarray(weights.T))
    return intervals.balanced_accuracy(given, weights)
