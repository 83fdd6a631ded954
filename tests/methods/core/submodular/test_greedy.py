"""The searches: equal picks where they must be equal, and the share of the objective where not."""

import math

import numpy as np
import pytest
import torch

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.submodular import greedy as module
from medtail.methods.core.submodular.greedy import Growing, search
from medtail.methods.core.submodular.information import partition, select
from medtail.methods.core.submodular.similarity import take
from tests.methods.core.submodular.definitions import (
    BUDGET,
    COVERAGE,
    ENGINES,
    EVERY,
    brute_force,
    kernels,
    replay,
    value,
    vectors,
)

SUBMODULAR = pytest.mark.parametrize("function", ["flqmi", "flvmi", "gcmi", "com"])


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def worth(function, picks, pool, query):
    return value(function, picks.tolist(), *kernels(pool, query))


@EVERY
@ENGINES
@pytest.mark.parametrize("how", ["naive", "lazy"])
def test_naive_and_lazy_give_the_greedy_answer(function, engine, how):
    """Ties aside, of which images that cover each other have some; lazily of what is submodular."""
    if (function, how) == ("logdetmi", "lazy"):
        pytest.skip("it is not submodular: see the next test")
    for seed in (0, 1):
        pool, query = vectors(seed)
        picks, gains = select(function, pool, query, BUDGET, engine=engine, greedy=how)
        expected, expected_gains = brute_force(function, pool, query, BUDGET)
        np.testing.assert_allclose(gains, expected_gains, atol=1e-5)
        assert max(replay(function, picks.tolist(), pool, query)) < 1e-5
        if function not in COVERAGE:
            assert picks.tolist() == expected


def test_a_lazy_search_of_logdetmi_may_miss_the_greedy_answer():
    lost, share = 0, []
    for seed in range(6):
        pool, query = vectors(seed)
        naive, lazy = (
            select("logdetmi", pool, query, BUDGET, ridge=0.01, engine="vectorised", greedy=how)
            for how in ("naive", "lazy")
        )
        lost += naive[0].tolist() != lazy[0].tolist()
        share.append(float(lazy[1].sum() / naive[1].sum()))
    assert lost
    assert 0.8 < min(share) < 1


@pytest.mark.parametrize("function", ["flqmi", "flvmi", "gcmi", "logdetmi", "com"])
@ENGINES
@pytest.mark.parametrize("how", ["stochastic", "lazier"])
def test_searches_that_draw_reach_most_of_the_objective(function, engine, how):
    shares, other = [], 0
    for seed in range(3):
        pool, query = vectors(seed, pool=300, query=8, classes=7, features=16)
        best, _ = select(function, pool, query, 20, engine="vectorised")
        drawn = {"greedy": how, "generator": draw(seed)}
        picks, gains = select(function, pool, query, 20, engine=engine, **drawn)
        assert len(set(picks.tolist())) == 20
        got, top = worth(function, picks, pool, query), worth(function, best, pool, query)
        assert float(gains.sum()) == pytest.approx(got, rel=1e-4)
        shares.append(got / top)
        other += set(picks.tolist()) != set(best.tolist())
    assert other
    assert 0.7 < min(shares) <= max(shares) < 1.001
    any_picks = torch.randperm(300, generator=draw(9))[:20]
    assert min(shares) > worth(function, any_picks, pool, query) / top


@SUBMODULAR
def test_looked_at_lazily_the_same_draws_give_the_same_gains(function):
    pool, query = vectors(3, pool=200)
    once, lazily = (
        select(function, pool, query, 15, engine="vectorised", greedy=how, generator=draw(5))
        for how in ("stochastic", "lazier")
    )
    torch.testing.assert_close(once[1], lazily[1], atol=1e-9, rtol=0)
    assert once[0].tolist() == lazily[0].tolist()
    other, _ = select(
        function, pool, query, 15, engine="vectorised", greedy="stochastic", generator=draw(6)
    )
    assert other.tolist() != once[0].tolist()


@pytest.mark.parametrize("how", ["stochastic", "lazier"])
def test_as_many_are_drawn_as_the_paper_says_and_the_best_of_them_is_taken(how, monkeypatch):
    gain, seen = np.linspace(1, 2, 100), []
    usual = torch.randperm

    def randperm(n, generator=None):
        seen.append(usual(n, generator=generator))
        return seen[-1]

    monkeypatch.setattr(module.torch, "randperm", randperm)
    growing = Growing(gain, lambda j: gain[j], lambda _: None, 8)
    picks, gains = search(growing, 10, how, draw())
    amount, left = int(100 / 10 * math.log(1 / 0.1)), list(range(100))
    assert amount == 23
    for order, pick, got in zip(seen, picks, gains, strict=True):
        assert pick == max(left[place] for place in order[:amount].tolist())
        assert got == gain[pick]
        left.remove(pick)


@pytest.mark.parametrize(("how", "expected"), [("stochastic", 20 * 46), ("lazier", 19)])
def test_a_lazier_search_looks_at_few(how, expected):
    """At one candidate a step where no gain falls; in the first at none, as they are known."""
    gain, looks = np.linspace(1, 2, 400), []

    def gains_of(rows):
        looks.append(len(gain[rows]))
        return gain[rows]

    search(Growing(gain, gains_of, lambda _: None, 8), 20, how, draw())
    assert sum(looks) == expected


@pytest.mark.parametrize("engine", ["auto", "vectorised"])
def test_what_is_drawn_is_the_generators(engine):
    pool, query = vectors(0, pool=200)
    options = {"engine": engine, "greedy": "stochastic"}
    picks = [
        select("flqmi", pool, query, 150, generator=draw(s), **options)[0].tolist()
        for s in (1, 1, 2)
    ]
    assert picks[0] == picks[1] != picks[2]


def test_an_unknown_search_is_one_line():
    with pytest.raises(MedtailError, match=r"unknown greedy search 'lazyer'.*lazier"):
        select("flqmi", *vectors(0), 3, greedy="lazyer")


@pytest.mark.parametrize(("amount", "budget", "parts"), [(103, 20, 4), (61, 12, 5), (9, 9, 4)])
def test_parts_of_a_pool_are_trusts(amount, budget, parts):
    found = partition(amount, budget, parts)
    ends = [math.ceil(amount * (i + 1) / parts) for i in range(parts)]
    sums = [math.ceil(budget * end / amount) for end in ends]
    assert [rows.start for rows, _ in found] == [0, *ends[:-1]]
    assert [rows.stop for rows, _ in found] == ends
    assert np.cumsum([wanted for _, wanted in found]).tolist() == sums
    assert sums[-1] == budget
    assert all(wanted <= rows.stop - rows.start for rows, wanted in found)


def test_one_part_is_the_pool_and_empty_ones_are_left_out():
    assert partition(50, 7, 1) == [(slice(0, 50), 7)]
    some = partition(3, 3, 5)
    assert [wanted for _, wanted in some] == [1, 1, 1]
    assert len(partition(60, 7, 7)) == 6, "their rule leaves the last of seven nothing"
    pool, query = vectors(0)
    for rows, wanted in partition(60, 3, 3):
        assert len(select("gcmi", take(pool, rows), query, wanted)[0]) == 1
