"""Which method is better, over data of several sources: pure functions of score tables.

A *source* is a collection of images, such as a dataset. Regimes, variants and seeds of one source
share its images, so that a test may count a source once only: average within it first.
"""

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, wilcoxon

from .intervals import LEVEL

Floats = NDArray[np.float64]
POWER = 0.8
# Quantiles of the normal distribution: two-sided 5 %, and a power of 80 %.
DETECTABLE = 1.959964 + 0.841621


def ranks(scores: Floats) -> Floats:
    """[..., M] ranks from 1 (the highest score), ties sharing their mean, of scores [..., M]."""
    placed: Floats = rankdata(-np.asarray(scores), axis=-1)
    return placed


def rank_intervals(replicates: Floats) -> list[tuple[int, int]]:
    """95 % interval of each of M methods' ranks over bootstrap replicates [R, M] of their scores.

    Its ends are ranks that occur (``inverted_cdf``), ties counting for the better at the lower end
    and for the worse at the upper.
    """
    edge = (1 - LEVEL) / 2
    low = np.quantile(
        rankdata(-replicates, "min", axis=1), edge, axis=0, method="inverted_cdf"
    ).astype(int)
    high = np.quantile(
        rankdata(-replicates, "max", axis=1), 1 - edge, axis=0, method="inverted_cdf"
    ).astype(int)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def win_rates(scores: Floats) -> Floats:
    """[M] share of its duels with the others that a method wins over N scores [N, M]; ties half.

    With bootstrap replicates as scores it is the probability to beat a rival drawn at random.
    """
    methods = scores.shape[1]
    if methods < 2:
        return np.full(methods, np.nan)
    rates: Floats = ((methods - ranks(scores)) / (methods - 1)).mean(0)
    return rates


def smallest_difference(replicates: Floats) -> float | None:
    """The difference between two of M methods that a paired test at 5 % finds four times in five.

    From bootstrap replicates [R, M] of their scores: (1.96 + 0.84) times the standard error of the
    difference, the median over all pairs; None for a single method.
    """
    pairs = itertools.combinations(range(replicates.shape[1]), 2)
    errors = [float((replicates[:, i] - replicates[:, j]).std(ddof=1)) for i, j in pairs]
    return DETECTABLE * float(np.median(errors)) if errors else None


def wilcoxon_holm(scores: Floats) -> Floats:
    """[M, M] p-values of all pairs of M methods over N sources [N, M], for all pairs corrected.

    Wilcoxon's signed-rank test, two-sided, exact where there are no ties or zeros; Holm's (1979)
    step-down correction over the M (M - 1) / 2 pairs, as Benavoli et al. (JMLR 2016) recommend
    after Demsar (JMLR 2006). Below six sources no pair can reach 5 %.
    """
    methods = scores.shape[1]
    pairs = list(itertools.combinations(range(methods), 2))
    found = [_signed_rank(scores[:, i] - scores[:, j]) for i, j in pairs]
    table = np.ones((methods, methods))
    for (i, j), p in zip(pairs, holm(np.array(found)), strict=True):
        table[i, j] = table[j, i] = p
    return table


def holm(p: Floats) -> Floats:
    """Holm's adjusted p-values of [T] tests: monotone, at most 1."""
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1)
    return adjusted


def cliques(average_ranks: Floats, p: Floats, level: float = 1 - LEVEL) -> list[tuple[int, ...]]:
    """Largest runs of neighbours in rank of which no pair differs: the bars of a diagram.

    Args:
        average_ranks: [M].
        p: [M, M] adjusted p-values.
        level: below which a pair differs.
    """
    order = np.argsort(average_ranks, kind="stable").tolist()
    runs: list[tuple[int, ...]] = []
    for start in range(len(order)):
        end = start + 1
        while end < len(order) and all(p[order[end], m] >= level for m in order[start:end]):
            end += 1
        run = tuple(order[start:end])
        if len(run) > 1 and not any(set(run) <= set(other) for other in runs):
            runs.append(run)
    return runs


def _signed_rank(difference: Floats) -> float:
    if not difference.any():
        return 1.0
    return float(wilcoxon(difference, method="auto").pvalue)
