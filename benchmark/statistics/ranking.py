"""Which method is better, over data of several sources: pure functions of score tables.

A *source* is a collection of images, such as a dataset. Regimes, variants and seeds of one source
share its images, so that a test may count a source once only: average within it first.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata, wilcoxon

from .intervals import LEVEL
from .variance import Estimate

Floats = NDArray[np.float64]


def ranks(scores: Floats) -> Floats:
    """[..., M] ranks from 1 (the highest score), ties sharing their mean, of scores [..., M]."""
    placed: Floats = rankdata(-np.asarray(scores), axis=-1)
    return placed


def kendall(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Kendall's tau-b between two orders of the same things: 1 the same, -1 turned round.

    None where one of them has no order at all.
    """
    tau = float(kendalltau(one, other).statistic)
    return None if np.isnan(tau) else tau


def by_duels(
    names: Sequence[str], duels: Mapping[tuple[str, str], Estimate]
) -> tuple[list[tuple[int, int]], list[float | None]]:
    """Intervals of ranks, and chances to win, from the differences of all pairs of rows.

    A row's rank lies between 1 + the number of rows that are surely above it and the number of rows
    less those that are surely below: the pairwise form of Mogstad et al. (2024,
    https://doi.org/10.1093/restud/rdad006) without their correction over pairs, which makes it
    twice as wide and holds in 99.7 % where 95 % are asked for. docs/coverage.md has its own.

    Args:
        names: of M rows.
        duels: the difference of the first less the second of each pair, in the order of ``names``.

    Returns:
        Of each row the 95 % interval of its rank, and its chance to be above another row drawn at
        random, None for a single row.
    """
    at = {name: n for n, name in enumerate(names)}
    amount = len(names)
    above, chance = np.zeros((amount, amount), bool), np.zeros((amount, amount))
    for (one, other), found in duels.items():
        i, j = at[one], at[other]
        above[i, j], above[j, i] = found.interval.low > 0, found.interval.high < 0
        chance[i, j], chance[j, i] = 1 - found.negative, found.negative
    ends = zip(1 + above.sum(0), amount - above.sum(1), strict=True)
    ranks = [(int(low), int(high)) for low, high in ends]
    if amount < 2:
        return ranks, [None] * amount
    return ranks, [round(float(w), 4) for w in chance.sum(1) / (amount - 1)]


def win_rates(scores: Floats) -> Floats:
    """[M] share of its duels with the others that a method wins over N scores [N, M]; ties half.

    With bootstrap replicates as scores it is the probability to beat a rival drawn at random.
    """
    methods = scores.shape[1]
    if methods < 2:
        return np.full(methods, np.nan)
    rates: Floats = ((methods - ranks(scores)) / (methods - 1)).mean(0)
    return rates


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
