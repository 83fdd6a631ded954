"""Both engines against brute force from the definitions, and against each other."""

import numpy as np
import pytest
import torch

from medtail.methods.core.submodular import search
from medtail.methods.core.submodular.information import select
from medtail.methods.core.submodular.similarity import (
    take,
)
from tests.methods.core.submodular.definitions import (
    BUDGET,
    COVERAGE,
    ENGINES,
    EVERY,
    FUNCTIONS,
    SEEDS,
    brute_force,
    kernels,
    replay,
    value,
    vectors,
)


@EVERY
@SEEDS
def test_our_engine_gives_what_brute_force_gives(function, seed):
    pool, query = vectors(seed)
    picks, gains = select(function, pool, query, BUDGET, engine="vectorised")
    expected, expected_gains = brute_force(function, pool, query, BUDGET)
    active = sum(g > 1e-6 for g in expected_gains) if function == "flvmi" else BUDGET
    assert picks[:active].tolist() == expected[:active]
    np.testing.assert_allclose(gains, expected_gains, atol=1e-5)


@EVERY
@SEEDS
def test_submodlib_gives_what_brute_force_gives(function, seed):
    pool, query = vectors(seed)
    picks, gains = select(function, pool, query, BUDGET, engine="submodlib")
    _, expected = brute_force(function, pool, query, BUDGET)
    np.testing.assert_allclose(gains, expected, atol=1e-5)
    assert max(replay(function, picks.tolist(), pool, query)) < 1e-5


@ENGINES
@pytest.mark.parametrize("eta", [0.4, 1.0])
@pytest.mark.parametrize("ridge", [0.05, 1.0])
def test_eta_and_ridge_of_logdetmi(engine, eta, ridge):
    pool, query = vectors(0)
    options = {"eta": eta, "ridge": ridge}
    picks, gains = select("logdetmi", pool, query, BUDGET, engine=engine, **options)
    expected, expected_gains = brute_force("logdetmi", pool, query, BUDGET, **options)
    assert picks.tolist() == expected
    np.testing.assert_allclose(gains, expected_gains, atol=1e-4)


@ENGINES
@pytest.mark.parametrize("function", ["flqmi", "flvmi", "com"])
@pytest.mark.parametrize("eta", [0.3, 2.0, 50.0])
def test_eta_weighs_the_query(engine, function, eta):
    pool, query = vectors(1)
    _, gains = select(function, pool, query, BUDGET, engine=engine, eta=eta)
    _, expected = brute_force(function, pool, query, BUDGET, eta=eta)
    np.testing.assert_allclose(gains, expected, atol=1e-5, rtol=1e-6)
    _, other = brute_force(function, pool, query, BUDGET)
    assert not np.allclose(gains, other, atol=1e-3)


@EVERY
@pytest.mark.parametrize("budget", [30, 200])
def test_the_engines_agree_on_a_larger_pool(function, budget):
    """Their picks are equal, or both greedy where images that cover each other tie."""
    pool, query = vectors(7, pool=400, query=12, classes=7, features=16)
    ours, gains = select(function, pool, query, budget, engine="vectorised")
    theirs, others = select(function, pool, query, budget, engine="submodlib")
    assert float(gains.sum()) == pytest.approx(float(others.sum()), rel=1e-4)
    if function not in COVERAGE:
        assert ours.tolist() == theirs.tolist()
        torch.testing.assert_close(gains, others, atol=1e-4, rtol=1e-4)
        return
    s, sq, _ = kernels(pool, query)
    cap = np.maximum(sq.max(1), 0) if function == "flvmi" else np.inf
    for picks in (ours, theirs):
        covered = np.zeros(400)
        for step, pick in enumerate(picks.tolist()):
            gain = np.minimum(np.maximum(s, covered), np.maximum(cap, covered)) - covered
            gain = gain.sum(1)
            gain[picks[:step]] = -1
            assert gain.max() - gain[pick] < 1e-4
            covered = np.maximum(covered, np.minimum(s[pick], cap))


@EVERY
@ENGINES
def test_the_whole_pool_can_be_picked(function, engine):
    pool, query = vectors(3, pool=20)
    picks, gains = select(function, pool, query, 20, engine=engine)
    assert sorted(picks.tolist()) == list(range(20))
    whole = value(function, list(range(20)), *kernels(pool, query))
    assert float(gains.sum()) == pytest.approx(whole, abs=1e-4)
    one, _ = select(function, take(pool, slice(0, 1)), query, 1, engine="vectorised")
    assert one.tolist() == [0]


@EVERY
def test_equal_images_go_in_the_order_of_the_pool(function):
    exact = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    same = (exact[[0] * 9], exact[[1] * 9])
    picks, _ = select(function, same, (exact[:1], exact[1:]), 5, engine="vectorised")
    assert picks.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("block", [1, 3, 1024])
def test_the_size_of_blocks_changes_nothing(monkeypatch, block):
    pool, query = vectors(2, pool=150)
    usual = [select(f, pool, query, 40, engine="vectorised") for f in FUNCTIONS]
    monkeypatch.setattr(search, "BLOCK", block)
    monkeypatch.setattr(search, "FEW", block)
    for function, (picks, gains) in zip(FUNCTIONS, usual, strict=True):
        again, anew = select(function, pool, query, 40, engine="vectorised")
        assert float(gains.sum()) == pytest.approx(float(anew.sum()), rel=1e-5)
        if function not in COVERAGE:
            assert again.tolist() == picks.tolist()
