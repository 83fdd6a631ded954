"""Metrics of active learning against loops, scikit-learn's trapezoids and scipy's test."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import wilcoxon
from sklearn.metrics import auc

from medtail.benchmark.evidence.record import Round
from medtail.benchmark.metrics.active import (
    area,
    penalty_matrix,
    rare_accuracy,
    signed_rank,
    summary,
)
from medtail.datamodules.core.errors import MedtailError


def rounds(rare=(0.1, 0.3, 0.4), labelled=(100, 120, 160)):
    picked = [(0, 0, 0), (15, 3, 2), (38, 1, 1)]
    return [
        Round(
            labelled=n,
            picked=p,
            metrics={
                "rare_accuracy": r,
                "accuracy": 0.8,
                "balanced_accuracy": 0.5 + i / 10,
                "macro_auc": 0.9,
            },
        )
        for i, (n, p, r) in enumerate(zip(labelled, picked, rare, strict=True))
    ]


def test_rare_accuracy_is_the_mean_recall_of_the_rare_classes():
    assert rare_accuracy([0.9, 0.2, 0.5], [1, 2]) == pytest.approx(0.35)
    assert rare_accuracy([0.9, None, 0.5], [1, 2]) == 0.5
    assert rare_accuracy([0.9, None], [1]) is None


def test_area_is_the_mean_height_of_the_curve():
    labelled, values = [100, 120, 160], [0.1, 0.3, 0.4]
    assert area(labelled, values) == pytest.approx(auc(labelled, values) / 60)
    assert area(labelled, [0.7] * 3) == pytest.approx(0.7)
    assert area([100], [0.7]) == 0.7
    # A gain that comes early counts more than the same gain late.
    assert area(labelled, [0.1, 0.4, 0.4]) > area(labelled, [0.1, 0.1, 0.4])


def test_summary():
    found = summary(rounds(), rare=(1, 2), available=28)
    assert found["rare_accuracy"] == 0.4
    assert found["rare_found"] == 7
    assert found["rare_found_share"] == 0.25
    assert found["rare_accuracy_area"] == pytest.approx((0.2 * 20 + 0.35 * 40) / 60)
    assert found["accuracy_area"] == pytest.approx(0.8)
    assert found["balanced_accuracy_area"] == pytest.approx((0.55 * 20 + 0.65 * 40) / 60)


def test_what_cannot_be_summed_up_is_none():
    found = summary(rounds(rare=(None, None, None)), rare=(1, 2), available=0)
    assert found["rare_accuracy"] is None
    assert found["rare_accuracy_area"] is None
    assert found["rare_found_share"] is None


def by_enumeration(difference):
    """P(W+ >= observed) over all signs of the ranks, in loops."""
    d = [x for x in difference if x]
    order = sorted(abs(x) for x in d)
    ranks = [np.mean([i + 1 for i, y in enumerate(order) if y == abs(x)]) for x in d]
    observed = sum(r for r, x in zip(ranks, d, strict=True) if x > 0)
    sums = [
        sum(r for r, s in zip(ranks, signs, strict=True) if s)
        for signs in itertools.product((0, 1), repeat=len(d))
    ]
    return np.mean([total >= observed - 1e-9 for total in sums]) if d else 1.0


@pytest.mark.parametrize("seed", range(5))
def test_signed_rank_is_scipys_exact_test(seed):
    difference = np.random.default_rng(seed).normal(0.3, size=12)
    expected = wilcoxon(difference, alternative="greater", method="exact").pvalue
    assert signed_rank(difference) == pytest.approx(expected)
    assert signed_rank(difference) == pytest.approx(by_enumeration(difference))
    both = wilcoxon(difference, method="exact").pvalue
    assert min(1, 2 * min(signed_rank(difference), signed_rank(-difference))) == pytest.approx(both)


@pytest.mark.parametrize("seed", range(5))
def test_signed_rank_with_ties_and_zeros(seed):
    difference = np.random.default_rng(seed).integers(-2, 4, 9) / 10
    assert signed_rank(difference) == pytest.approx(by_enumeration(difference))
    assert signed_rank(np.zeros(8)) == 1
    assert signed_rank(np.r_[np.ones(5), np.zeros(9)]) == pytest.approx(1 / 32)


def curves(gap, seeds=8, length=4):
    rng = np.random.default_rng(0)
    base = rng.normal(0.5, 0.1, size=(seeds, length))
    return {
        "good": {s: base[s] + gap for s in range(seeds)},
        "bad": {s: base[s] + 0.001 * rng.normal(size=length) for s in range(seeds)},
        "same": {s: base[s] for s in range(seeds)},
    }


def test_penalty_matrix_against_scipy():
    given = curves(0.0)
    rng = np.random.default_rng(3)
    given["good"] = {s: v + rng.normal(0.0012, 0.001, 4) for s, v in given["good"].items()}
    found = penalty_matrix(given)
    assert found.names == ("good", "bad", "same")
    assert found.tests == 4
    for i, a in enumerate(found.names):
        for j, b in enumerate(found.names):
            won = 0
            for r in range(4):
                d = [given[a][s][r] - given[b][s][r] for s in range(8)]
                if i != j and any(d):
                    won += wilcoxon(d, method="exact").pvalue < 0.05 and np.median(d) > 0
            assert found.matrix[i, j] == won / 4
    assert 0 < found.matrix[0].sum() < 2
    np.testing.assert_allclose(found.column, found.matrix.sum(0) / 2)


def test_the_better_strategy_has_the_row_and_the_worse_one_the_column():
    found = penalty_matrix(curves(0.05))
    np.testing.assert_array_equal(found.matrix, [[0, 1, 1], [0, 0, 0], [0, 0, 0]])
    assert found.column[0] == 0
    assert found.column[1:].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("seeds", [1, 3, 5, 6])
def test_too_few_seeds_cannot_be_significant(seeds):
    """The least p of n pairs is 2 / 2^n: 0.0625 with 5, 0.031 with 6."""
    found = penalty_matrix(curves(0.05, seeds))
    assert math.isnan(found.matrix[0, 1]) == (seeds < 6)
    assert found.matrix[0, 0] == 0
    assert math.isnan(found.column[0]) == (seeds < 6)
    pooled = penalty_matrix(curves(0.05, seeds), over="seeds_and_rounds")
    assert pooled.tests == 1
    assert math.isnan(pooled.matrix[0, 1]) == (seeds * 4 < 6)
    if seeds * 4 >= 6:
        np.testing.assert_array_equal(pooled.matrix, [[0, 1, 1], [0, 0, 0], [0, 0, 0]])


def test_alpha_decides():
    given = curves(0.05, seeds=6)
    assert penalty_matrix(given, alpha=0.05).matrix[0, 1] == 1
    assert math.isnan(penalty_matrix(given, alpha=0.03).matrix[0, 1])


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"one": {0: [1.0]}},
        {"one": {0: [1.0]}, "two": {1: [1.0]}},
        {"one": {0: [1.0]}, "two": {0: [1.0, 2.0]}},
    ],
)
def test_what_cannot_be_paired_is_refused(given):
    with pytest.raises(MedtailError, match="penalty matrix"):
        penalty_matrix(given)
