"""How sure a number is: pure functions from predictions to intervals.

The bootstrap is hierarchical. A replicate draws the seeds of training with replacement, and the
groups of the test set (patients or lesions) with replacement within each class, so that every class
keeps its number of groups. Of S seeds it draws S - 1, as S draws of so few would have only
(S - 1) / S of their variance (McCarthy and Snowden 1985, "The bootstrap and finite population
sampling"). It treats the test set and the trainings as samples; it knows nothing of another split,
another hospital or another budget.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from medtail.datamodules.core.errors import MedtailError

from ..evidence.predictions import Predictions

Floats = NDArray[np.float64]
REPLICATES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval of 95 %."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference has a sign that the interval agrees with."""
        return self.low > 0 or self.high < 0


def group_weights(
    target: NDArray[np.int64], group: NDArray[np.str_], replicates: int, seed: int
) -> NDArray[np.float32]:
    """[R, N] times that each sample is drawn, by whole groups, stratified by class.

    A group that holds several classes is drawn by the class of its first sample.

    Args:
        target: [N].
        group: [N].
        replicates: R.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    _, first, of = np.unique(group, return_index=True, return_inverse=True)
    stratum = target[first]
    drawn = np.zeros((replicates, len(first)), np.float32)
    for c in np.unique(stratum):
        members = np.flatnonzero(stratum == c)
        amount = len(members)
        drawn[:, members] = rng.multinomial(amount, np.full(amount, 1 / amount), replicates)
    weights: NDArray[np.float32] = drawn[:, of]
    return weights


def recalls(predictions: Predictions, weights: NDArray[np.float32]) -> Floats:
    """[R, K] recall of each class under sample weights [R, N]; NaN for an absent class."""
    classes = predictions.logits.shape[1]
    target, right = predictions.target, predictions.probabilities.argmax(1) == predictions.target
    member = np.eye(classes, dtype=np.float32)[target]
    total = (weights @ member).astype(np.float64)
    hits = (weights @ (member * right[:, None])).astype(np.float64)
    share: Floats = np.divide(hits, total, out=np.full(total.shape, math.nan), where=total > 0)
    return share


def aucs(predictions: Predictions, weights: NDArray[np.float32]) -> Floats:
    """[R, K] one-vs-rest AUC of each class under sample weights [R, N], ties counting half.

    NaN where a class has no positives or no negatives.
    """
    target, probability = predictions.target, predictions.probabilities
    by_sample = np.ascontiguousarray(weights.T)
    found = np.full((len(weights), probability.shape[1]), math.nan)
    for k in range(probability.shape[1]):
        found[:, k] = auc(probability[:, k], target == k, by_sample)
    return found


def auc(score: Floats, positive: NDArray[np.bool_], by_sample: NDArray[np.float32]) -> Floats:
    """[R] AUC of a score [N] for some samples against the rest, ties counting half.

    Args:
        score: [N], high for positives.
        positive: [N].
        by_sample: [N, R] weights.
    """
    if not positive.any() or positive.all():
        return np.full(by_sample.shape[1], math.nan)
    negatives = np.flatnonzero(~positive)
    negatives = negatives[np.argsort(score[negatives], kind="stable")]
    # Weight of the negatives up to each; whole numbers, hence exact in float32.
    below = np.zeros((len(negatives) + 1, by_sample.shape[1]), np.float32)
    np.cumsum(by_sample[negatives], axis=0, out=below[1:])
    low, high = (np.searchsorted(score[negatives], score[positive], s) for s in ("left", "right"))
    mine = by_sample[positive]
    wins = np.einsum("pr,pr->r", mine, below[low] + below[high], dtype=np.float64) / 2
    pairs = mine.sum(0, dtype=np.float64) * below[-1]
    share: Floats = np.divide(wins, pairs, out=np.full(len(pairs), math.nan), where=pairs > 0)
    return share


def average_precision(
    score: Floats, positive: NDArray[np.bool_], by_sample: NDArray[np.float32]
) -> Floats:
    """[R] area under precision and recall by steps; see ``auc`` for the arguments.

    Each positive counts with the precision among all scored at least as high (scikit-learn's
    ``average_precision_score``).
    """
    order = np.argsort(-score, kind="stable")
    chosen = np.cumsum(by_sample[order], axis=0, dtype=np.float64)
    found = np.cumsum(by_sample[order] * positive[order, None], axis=0, dtype=np.float64)
    last = np.searchsorted(-score[order], -score[positive], "right") - 1  # of those tied with it
    mine = by_sample[positive]
    precision = np.divide(found[last], chosen[last], out=np.zeros(mine.shape), where=mine > 0)
    total = found[-1] if len(found) else np.zeros(by_sample.shape[1])
    steps = (mine * precision).sum(0)
    share: Floats = np.divide(steps, total, out=np.full(len(total), math.nan), where=total > 0)
    return share


def f1_scores(predictions: Predictions, weights: NDArray[np.float32]) -> Floats:
    """[R, K] F1 of each class under sample weights [R, N]; NaN for an absent class."""
    classes = predictions.logits.shape[1]
    one_hot = np.eye(classes, dtype=np.float32)
    member, chosen = one_hot[predictions.target], one_hot[predictions.probabilities.argmax(1)]
    true, both = weights @ member, 2 * (weights @ (member * chosen))
    total = true + weights @ chosen
    share: Floats = np.divide(
        both, total, out=np.full(total.shape, math.nan), where=true > 0, dtype=np.float64
    )
    return share


def balanced_accuracy(predictions: Predictions, weights: NDArray[np.float32]) -> Floats:
    """[R] mean recall of the classes present."""
    return _mean(recalls(predictions, weights))


def macro_auc(predictions: Predictions, weights: NDArray[np.float32]) -> Floats:
    """[R] mean AUC of the classes that have one."""
    return _mean(aucs(predictions, weights))


def _mean(values: Floats) -> Floats:
    mean: Floats = np.nanmean(values, axis=1)
    return mean


Metric = Callable[[Predictions, NDArray[np.float32]], Floats]
BySeed = Mapping[int, Predictions]


def estimate(runs: BySeed, metric: Metric, replicates: int = REPLICATES, seed: int = 0) -> Interval:
    """A metric of a method over its seeds, with a bootstrap interval.

    Args:
        runs: predictions of the same samples by training seed.
        metric: such as ``balanced_accuracy``.
        replicates: of the bootstrap.
        seed: of the bootstrap.
    """
    return difference(runs, None, metric, replicates, seed)


def difference(
    new: BySeed, base: BySeed | None, metric: Metric, replicates: int = REPLICATES, seed: int = 0
) -> Interval:
    """``new`` minus ``base`` on the same samples, seed by seed, with a bootstrap interval.

    Raises:
        MedtailError: no seed that both have, or different samples.
    """
    seeds = sorted(new.keys() & base.keys() if base is not None else new.keys())
    runs = [side[s] for side in (new, base) if side is not None for s in seeds]
    if not runs:
        raise MedtailError("comparison: there is no seed that both methods have")
    first = runs[0]
    if any(not np.array_equal(first.id, run.id) for run in runs):
        raise MedtailError("comparison: the predictions are of different samples")
    weights = group_weights(first.target, first.group, replicates, seed)
    plain = np.ones((1, len(first.id)), np.float32)
    weights = np.concatenate([plain, weights])
    values = np.array(
        [new_minus(new[s], base[s] if base is not None else None, metric, weights) for s in seeds]
    )
    return _over_replicates(values[:, 0], values[:, 1:], seed)


def over_units(values: Floats, replicates: int = REPLICATES, seed: int = 0) -> Interval:
    """Mean of [S, U] values of S seeds on U units (episodes, say), both drawn with replacement."""
    units = values.shape[1]
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(units, np.full(units, 1 / units), replicates)
    return _over_replicates(values.mean(1), values @ weights.T / units, seed)


def _over_replicates(plain: Floats, values: Floats, seed: int) -> Interval:
    """From [S] values and their replicates [S, R]."""
    return interval(float(plain.mean()), draw_seeds(values, seed))


def draw_seeds(values: Floats, seed: int = 0) -> Floats:
    """[R, ...] means over drawn seeds of replicates [S, R, ...]; see the module's first lines."""
    seeds, replicates = values.shape[:2]
    drawn = np.random.default_rng((seed, 1)).integers(0, seeds, (max(seeds - 1, 1), replicates))
    means: Floats = values[drawn, np.arange(replicates)].mean(0)
    return means


def interval(estimate: float, replicates: Floats) -> Interval:
    """The percentiles of replicates [R] about an estimate."""
    edge = 100 * (1 - LEVEL) / 2
    low, high = np.nanpercentile(replicates, [edge, 100 - edge])
    return Interval(estimate, float(low), float(high))


def new_minus(
    new: Predictions, base: Predictions | None, metric: Metric, weights: NDArray[np.float32]
) -> Floats:
    """[R] metric of ``new``, less that of ``base`` where there is one."""
    values = metric(new, weights)
    return values if base is None else values - metric(base, weights)


def over_seeds(values: NDArray[np.float64]) -> Interval:
    """Mean of [S] values (differences of paired seeds, say) with Student's interval.

    It assumes that seeds are drawn at random and about normal; with one seed the interval is
    infinite.
    """
    amount = len(values)
    mean = float(np.mean(values))
    if amount < 2:
        return Interval(mean, -math.inf, math.inf)
    half = float(student.ppf((1 + LEVEL) / 2, amount - 1) * np.std(values, ddof=1)) / amount**0.5
    return Interval(mean, mean - half, mean + half)
