"""Comparison over sources: averaged within them, tested only where a test can tell something."""

import numpy as np
import pytest
from scipy.stats import rankdata, wilcoxon

from medtail.benchmark.boards.critical_difference import critical, needed
from medtail.benchmark.boards.section import sections
from tests.boards import TERMS, done, with_value

METHODS = ("best", "close", "worst")


def board(values, data, seeds=(0, 1), without=()):
    """A board whose methods have these balanced accuracies."""
    terms = TERMS.model_copy(update={"data": data})
    records = [
        with_value(value, method, seed, terms=terms)
        for method, value in zip(METHODS, values, strict=True)
        for seed in seeds
        if (method, seed) not in without
    ]
    return sections(records)


def sources(count):
    """[N, M] scores: the first two change places, the third is always the last."""
    rng = np.random.default_rng(1)
    scores = 0.7 + 0.05 * rng.random((count, 3))
    scores[:, 2] = 0.3 + 0.05 * rng.random(count)
    return scores


def over(scores):
    return {f"set{n}@natural": board(row, f"set{n}@natural") for n, row in enumerate(scores)}


def test_eight_sources_are_tested_as_scipy_does_it():
    scores = sources(8)
    (found,) = critical(over(scores))
    ranks = np.array([rankdata(-row) for row in scores])
    order = np.argsort(ranks.mean(0))
    assert found.names == tuple(METHODS[i] for i in order)
    assert found.average_ranks == pytest.approx(ranks.mean(0)[order])
    wins = [np.mean([(row[i] > np.delete(row, i)).mean() for row in scores]) for i in order]
    assert found.win_rates == pytest.approx(wins)
    raw = {
        pair: wilcoxon(scores[:, order[pair[0]]] - scores[:, order[pair[1]]]).pvalue
        for pair in ((0, 1), (0, 2), (1, 2))
    }
    small, middle, large = sorted(raw.values())
    adjusted = sorted([3 * small, max(3 * small, 2 * middle), max(3 * small, 2 * middle, large)])
    assert sorted(found.p[i][j] for i, j in raw) == pytest.approx(np.minimum(adjusted, 1))
    assert found.cliques == ((0, 1),)  # the third differs from both


def test_fewer_than_six_sources_are_not_tested():
    (found,) = critical(over(sources(5)))
    assert found.p == ()
    assert found.cliques == ()
    assert found.average_ranks[-1] == 3
    assert critical(over(sources(6)))[0].p


def test_regimes_and_variants_of_a_source_count_once():
    parts = {
        "a@natural": board((0.9, 0.5, 0.1), "a@natural"),
        "a@lt100": board((0.2, 0.8, 0.1), "a@lt100"),
        "a+other@natural": board((0.2, 0.8, 0.1), "a+other@natural"),
        "b@natural": board((0.3, 0.6, 0.9), "b@natural"),
    }
    (found,) = critical(parts)
    assert found.sources == ("a", "b")
    assert found.boards == ("a+other@natural", "a@lt100", "a@natural", "b@natural")
    # Means of a: 0.43, 0.7, 0.1, ranks 2 1 3; of b: ranks 3 2 1.
    assert dict(zip(found.names, found.average_ranks, strict=True)) == {
        "close": 1.5,
        "worst": 2.0,
        "best": 2.5,
    }


def test_a_row_counts_where_every_board_has_it_whole():
    parts = {
        "a@natural": board((0.9, 0.5, 0.1), "a@natural"),
        "b@natural": board((0.9, 0.5, 0.1), "b@natural", without={("close", 1)}),
    }
    (found,) = critical(parts)
    assert found.names == ("best", "worst")
    assert found.left_out == ("close",)
    assert found.average_ranks == (1, 2)


def test_rows_are_the_same_by_their_parameters_not_their_names():
    terms = TERMS.model_copy(update={"data": "b@natural"})
    first = sections([done(params={"t": t})[0] for t in (1, 2)])  # named erm(t=1), erm(t=2)
    second = sections([done(params={"t": 2}, terms=terms)[0]])  # named erm
    (found,) = critical({"fake@natural": first, "b@natural": second})
    assert len(found.names) == 1
    assert found.left_out == ("erm(t=1)",)


def test_boards_that_share_no_row_are_not_compared():
    parts = {
        "a@natural": board((0.9, 0.5, 0.1), "a@natural"),
        "b@natural": sections(
            [done("other", terms=TERMS.model_copy(update={"data": "b@natural"}))[0]]
        ),
    }
    (found,) = critical(parts)
    assert found.names == ()
    assert found.win_rates == ()
    assert critical({}) == []


@pytest.mark.parametrize(("rows", "sources"), [(2, 6), (3, 7), (32, 15)])
def test_the_sources_needed_are_the_fewest_that_can_reach_five_percent(rows, sources):
    pairs = rows * (rows - 1) // 2

    def smallest(n):
        return pairs * wilcoxon(np.arange(1.0, n + 1), method="exact").pvalue

    assert needed(rows) == sources
    assert smallest(sources) < 0.05 <= smallest(sources - 1)
