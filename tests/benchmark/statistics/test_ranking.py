"""Ranks, duels and corrected tests against independent computations and their limits."""

import itertools

import numpy as np
import pytest
from scipy.stats import norm, wilcoxon

from medtail.benchmark.statistics import ranking
from medtail.benchmark.statistics.variance import Estimate


def table(sources=12, methods=4, seed=0):
    return np.random.default_rng(seed).normal(size=(sources, methods))


def test_ranks_and_win_rates_are_those_counted_by_hand():
    scores = np.round(table(), 1)
    for row, placed in zip(scores, ranking.ranks(scores), strict=True):
        for value, rank in zip(row, placed, strict=True):
            assert rank == 1 + sum(row > value) + (sum(row == value) - 1) / 2
    duels = [
        np.mean([(a > b) + 0.5 * (a == b) for a, b in zip(scores[:, m], scores[:, o], strict=True)])
        for m in range(4)
        for o in range(4)
        if m != o
    ]
    expected = np.array(duels).reshape(4, 3).mean(1)
    np.testing.assert_allclose(ranking.win_rates(scores), expected)
    assert np.isnan(ranking.win_rates(scores[:, :1])).all()
    first = np.mean((scores[:, 0] > scores[:, 1]) + 0.5 * (scores[:, 0] == scores[:, 1]))
    np.testing.assert_allclose(ranking.win_rates(scores[:, :2]), [first, 1 - first])


def duels(*values, error=1.0, freedom=np.inf):
    names = [f"m{n}" for n in range(len(values))]
    pairs = itertools.combinations(range(len(values)), 2)
    found = {
        (names[i], names[j]): Estimate(values[i] - values[j], error, freedom) for i, j in pairs
    }
    return ranking.by_duels(names, found)


def test_a_rank_is_between_those_surely_above_and_those_surely_below():
    assert duels(9, 6, 3)[0] == [(1, 1), (2, 2), (3, 3)]
    assert duels(0.2, 0.1, 0.0)[0] == [(1, 3)] * 3
    assert duels(0, 0, 0, error=0.0)[0] == [(1, 3)] * 3  # equal for sure
    # The middle one cannot be told from either; the ends can be told from each other.
    assert duels(2.4, 1.2, 0.0)[0] == [(1, 2), (1, 3), (2, 3)]
    assert duels(1, 1, 1.9, freedom=2)[0] == [(1, 3)] * 3
    assert duels(5.0) == ([(1, 1)], [None])
    assert duels(2.4, 1.2, 0.0, error=np.nan)[0] == [(1, 3)] * 3


def test_the_chance_to_win_is_over_rivals():
    wins = duels(1.0, 0.0, 0.0)[1]
    assert wins[0] == pytest.approx(norm.cdf(1), abs=1e-4)
    assert wins[1] == wins[2] == pytest.approx((0.5 + norm.cdf(-1)) / 2, abs=1e-4)
    assert sum(wins) == pytest.approx(1.5, abs=2e-4)


def test_holm_is_the_step_down_of_its_definition():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    # By hand: .005 * 4, .01 * 3, .03 * 2, then .04 * 1 lifted to the one before.
    np.testing.assert_allclose(ranking.holm(p), [0.03, 0.06, 0.06, 0.02])
    assert (ranking.holm(np.array([0.9, 0.8])) <= 1).all()
    assert len(ranking.holm(np.array([]))) == 0


def test_pairs_are_tested_by_scipy_and_corrected():
    scores = table(sources=14) + np.array([1.5, 0.2, 0.0, 0.0])
    found = ranking.wilcoxon_holm(scores)
    pairs = list(itertools.combinations(range(4), 2))
    raw = sorted((wilcoxon(scores[:, i], scores[:, j]).pvalue, i, j) for i, j in pairs)
    largest = 0.0
    for place, (p, i, j) in enumerate(raw):
        largest = max(largest, min(1, p * (len(raw) - place)))
        assert found[i, j] == found[j, i] == pytest.approx(largest)
    assert found[0, 2] < 0.05 < found[2, 3]


def test_few_sources_can_tell_nothing():
    for sources in (1, 2, 5):
        assert (ranking.wilcoxon_holm(table(sources, 2) + np.array([9, 0])) > 0.05).all()
    assert ranking.wilcoxon_holm(table(6, 2) + np.array([9, 0]))[0, 1] < 0.05
    assert (ranking.wilcoxon_holm(np.ones((8, 3))) == 1).all()


def test_cliques_are_the_longest_runs_without_a_difference():
    p = np.ones((4, 4))
    p[0, 3] = p[3, 0] = 0.01
    assert ranking.cliques(np.array([1.0, 2, 3, 4]), p) == [(0, 1, 2), (1, 2, 3)]
    assert ranking.cliques(np.array([4.0, 3, 2, 1]), p) == [(3, 2, 1), (2, 1, 0)]
    assert ranking.cliques(np.array([1.0, 2, 3, 4]), np.ones((4, 4))) == [(0, 1, 2, 3)]
    assert ranking.cliques(np.array([1.0, 2, 3, 4]), np.zeros((4, 4))) == []
