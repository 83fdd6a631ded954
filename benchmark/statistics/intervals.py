"""Metrics on a test set drawn anew: pure functions from predictions to replicates.

A replicate draws the groups of the test set (patients or lesions) with replacement within each
class, so that every class keeps its number of groups. What other trainings would give is added in
``variance``.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evidence.predictions import Predictions

Floats = NDArray[np.float64]
REPLICATES = 2000
LONG = 64  # replicates, from which on rows are summed one by one
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
    return recalls_and_f1(predictions, weights)[0]


def recalls_and_f1(predictions: Predictions, weights: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """[R, K] recall and F1 of each class under sample weights [R, N]; NaN for an absent class."""
    one_hot = np.eye(predictions.logits.shape[1], dtype=np.float32)
    member, chosen = one_hot[predictions.target], one_hot[predictions.probabilities.argmax(1)]
    counts = weights @ np.concatenate([member, chosen, member * chosen], 1)
    true, taken, both = np.split(counts.astype(np.float64), 3, axis=1)
    absent, known = np.full(true.shape, math.nan), true > 0
    recall: Floats = np.divide(both, true, out=absent.copy(), where=known)
    f1: Floats = np.divide(2 * both, true + taken, out=absent, where=known)
    return recall, f1


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
    below = _running(by_sample[negatives], np.float32)  # whole numbers, hence exact
    low, high = (np.searchsorted(score[negatives], score[positive], s) for s in ("left", "right"))
    mine = by_sample[positive]
    wins = np.einsum("pr,pr->r", mine, below[low] + below[high], dtype=np.float64) / 2
    pairs = mine.sum(0, dtype=np.float64) * below[-1]
    share: Floats = np.divide(wins, pairs, out=np.full(len(pairs), math.nan), where=pairs > 0)
    return share


def _running(rows: NDArray[np.float32], kind: type[np.floating[Any]]) -> NDArray[Any]:
    """[N + 1, R] sums of the first 0 to N of rows [N, R].

    Row by row, where rows are long: numpy's ``cumsum`` along the first axis takes five times as
    long.
    """
    sums = np.zeros((len(rows) + 1, rows.shape[1]), kind)
    if rows.shape[1] < LONG:
        np.cumsum(rows, axis=0, out=sums[1:])
        return sums
    for n, row in enumerate(rows):
        np.add(sums[n], row, out=sums[n + 1])
    return sums


def average_precision(
    score: Floats, positive: NDArray[np.bool_], by_sample: NDArray[np.float32]
) -> Floats:
    """[R] area under precision and recall by steps; see ``auc`` for the arguments.

    Each positive counts with the precision among all scored at least as high (scikit-learn's
    ``average_precision_score``).
    """
    order = np.argsort(-score, kind="stable")
    chosen = _running(by_sample[order], np.float64)
    mine = by_sample[positive]
    own = _running(by_sample[order[positive[order]]], np.float64)
    ranked, total = -score[order], own[-1]
    last = np.searchsorted(ranked, -score[positive], "right")  # of those tied with it
    found = own[np.searchsorted(ranked[positive[order]], -score[positive], "right")]
    precision = np.divide(found, chosen[last], out=np.zeros(mine.shape), where=mine > 0)
    steps = (mine * precision).sum(0)
    share: Floats = np.divide(steps, total, out=np.full(len(total), math.nan), where=total > 0)
    return share


def balanced_accuracy(predictions: Predictions, weights: NDArray[np.float32]) -> Floats:
    """[R] mean recall of the classes present."""
    mean: Floats = np.nanmean(recalls(predictions, weights), axis=1)
    return mean
