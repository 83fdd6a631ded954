"""Metrics on a test set drawn anew: pure functions from predictions to replicates.

A replicate draws the groups of the test set (patients or lesions) with replacement within each
class, so that every class keeps its number of groups. What other trainings would give is added in
``variance``.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
