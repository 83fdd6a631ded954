"""Metrics of active learning: what the labels of each round were good for. Pure functions."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from medtail.datamodules.core.errors import MedtailError

from ..evidence.record import Metrics, Round

CURVES = ("rare_accuracy", "accuracy", "balanced_accuracy", "macro_auc")
AREAS = ("rare_accuracy", "accuracy", "balanced_accuracy")
Floats = NDArray[np.float64]
Curves = Mapping[str, Mapping[int, Sequence[float]]]


def rare_accuracy(recall: Sequence[float | None], rare: Sequence[int]) -> float | None:
    """Mean recall of the rare classes; None without a test image of any."""
    found = [value for k in rare if (value := recall[k]) is not None]
    return sum(found) / len(found) if found else None


def area(labelled: Sequence[int], values: Sequence[float]) -> float:
    """Area under a curve over labelled images by trapezoids, divided by the span: a mean height.

    Args:
        labelled: [R] rising numbers of images.
        values: [R].
    """
    if len(values) == 1:
        return float(values[0])
    return float(np.trapezoid(values, labelled) / (labelled[-1] - labelled[0]))


def summary(rounds: Sequence[Round], rare: Sequence[int], available: int) -> Metrics:
    """What a board shows of a run.

    Args:
        rounds: in order, with the metrics ``CURVES``.
        rare: indices of the rare classes.
        available: rare images that the pool had at the start.

    Returns:
        ``rare_accuracy`` after the last round; the areas under the curves ``AREAS``;
        ``rare_found``, the rare images that were picked in all rounds, and their share of the
        pool's.
    """
    found = sum(r.picked[k] for r in rounds for k in rare)
    result: Metrics = {
        "rare_accuracy": rounds[-1].metrics["rare_accuracy"],
        "rare_found": found,
        "rare_found_share": found / available if available else None,
    }
    labelled = [r.labelled for r in rounds]
    for name in AREAS:
        values = [v for r in rounds if isinstance(v := r.metrics[name], int | float)]
        complete = len(values) == len(rounds)
        result[f"{name}_area"] = area(labelled, values) if complete else None
    return result


class Penalties(NamedTuple):
    """How often strategies beat each other.

    Attributes:
        names: M strategies.
        matrix: [M, M] share of the tests in which the row's strategy is significantly better than
            the column's; NaN where no test could have been significant.
        column: [M] mean over the rivals: how often a strategy is beaten, the lower the better.
        tests: tests of each pair.
    """

    names: tuple[str, ...]
    matrix: Floats
    column: Floats
    tests: int


def penalty_matrix(
    curves: Curves, over: Literal["seeds", "seeds_and_rounds"] = "seeds", alpha: float = 0.05
) -> Penalties:
    """Pairwise penalties in the manner of BADGE (Ash et al. 2020, section 5), with Wilcoxon's test.

    BADGE tests each round of each experiment over its seeds with a paired t-test; here it is the
    two-sided signed-rank test, whose differences need not be normal. That CLINICAL's authors use
    such a matrix is not supported by anything we could read: no test is in their notebooks.

    ``seeds``: a test for each round, over differences paired by seed. With n of them, p cannot
    fall below 2 / 2^n: fewer than 6 seeds never reach 0.05, and the matrix is NaN then.
    ``seeds_and_rounds``: one test over all rounds of all seeds. It answers with 3 seeds, too, but
    the rounds of a seed are one growing set of labels, not independent: its p are too small, and
    what it calls significant is a hint.

    Args:
        curves: strategy -> seed -> values of R rounds, higher being better.
        over: what the differences of a test are taken over.
        alpha: of a test; not corrected for their number, as in BADGE.

    Raises:
        MedtailError: fewer than two strategies, or their seeds or rounds differ.
    """
    names = tuple(curves)
    seeds = sorted(curves[names[0]]) if names else []
    lengths = {len(values) for runs in curves.values() for values in runs.values()}
    if len(names) < 2 or len(lengths) != 1 or any(sorted(c) != seeds for c in curves.values()):
        raise MedtailError("penalty matrix: at least two strategies, with equal seeds and rounds")
    values = np.array([[curves[name][seed] for seed in seeds] for name in names], dtype=np.float64)
    # [M, S, R] -> [M, tests, pairs]
    tests = values.swapaxes(1, 2) if over == "seeds" else values.reshape(len(names), 1, -1)
    matrix = np.zeros((len(names), len(names)))
    if 2.0 ** (1 - tests.shape[2]) >= alpha:
        matrix[~np.eye(len(names), dtype=bool)] = math.nan
    else:
        for i, one in enumerate(tests):
            for j, other in enumerate(tests):
                won = [signed_rank(d) < alpha / 2 for d in one - other]
                matrix[i, j] = sum(won) / len(won)
    column = matrix.sum(0) / (len(names) - 1)
    return Penalties(names, matrix, column, tests.shape[1])


def signed_rank(difference: Floats) -> float:
    """One-sided p of Wilcoxon's signed-rank test: that positive differences [n] rank this high.

    Exact, with average ranks for ties: the distribution of the positive ranks' sum over all 2^n
    signs. Zeros are left out; nothing left gives 1.
    """
    difference = difference[difference != 0]
    # Twice the ranks are whole numbers, ties included.
    ranks = np.rint(2 * rankdata(np.abs(difference))).astype(int)
    share = np.ones(1)
    for rank in ranks:
        share = (np.pad(share, (0, rank)) + np.pad(share, (rank, 0))) / 2
    return float(min(share[ranks[difference > 0].sum() :].sum(), 1.0))
