"""How much an unchanged method moves: the noise that a drop is held against. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma
from scipy.stats import norm
from scipy.stats import t as student

from medtail.datamodules.core.contract import Track

from ..evidence.predictions import Predictions
from ..metrics.few_shot import episode_aucs
from ..metrics.one_class import log_odds
from ..statistics import intervals
from ..statistics.intervals import LEVEL, Floats, Interval

REPLICATES = 1000  # of the samples, for a standard error
SMALLEST = 1e-5  # of a row's variance over the table's median (limma's ``fitFDist``)


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


def moderated(variance: Floats, freedom: Floats) -> tuple[Floats, Floats]:
    """Variances [R] of rows drawn together as far as they are alike, and degrees of freedom.

    Smyth 2004 (https://doi.org/10.2202/1544-6115.1027), section 6.2: the true variances follow a
    scaled inverse chi-squared law, whose centre and degrees of freedom are fitted to the observed
    logarithms. Rows that differ no more than chance explains are pooled wholly; fewer than three
    stay as they are.

    Args:
        variance: [..., R], NaN for a row without freedom.
        freedom: [R].

    Returns:
        Both as [..., R].
    """
    known = freedom > 0
    own, half = variance[..., known], freedom[known] / 2
    if known.sum() < 3 or not own.any():
        return variance, np.broadcast_to(freedom, variance.shape)
    middle = np.nanmedian(np.where(own > 0, own, math.nan), -1, keepdims=True)
    logs = np.log(np.maximum(own, SMALLEST * middle)) + np.log(half) - digamma(half)
    excess = logs.var(-1, ddof=1, keepdims=True) - polygamma(1, half).mean()
    unlike = excess > 0
    prior = 2 * _inverse_trigamma(np.where(unlike, excess, 1.0))
    centre = np.exp(logs.mean(-1, keepdims=True) + digamma(prior / 2) - np.log(prior / 2))
    squares, total = np.where(known, variance, 0) * freedom, freedom.sum()
    kept = (prior * centre + squares) / (prior + freedom)
    pooled = squares.sum(-1, keepdims=True) / total
    return np.where(unlike, kept, pooled), np.where(unlike, prior + freedom, total)


def _inverse_trigamma(value: Floats) -> Floats:
    """By Newton's method on 1 / trigamma, which is convex (Smyth 2004, appendix)."""
    x = 0.5 + 1 / value
    for _ in range(20):
        trigamma = polygamma(1, x)
        step = trigamma * (1 - trigamma / value) / polygamma(2, x)
        x = x + step
        if (np.abs(step) < 1e-9 * x).all():
            break
    return x


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
