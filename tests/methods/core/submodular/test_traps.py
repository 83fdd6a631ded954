"""The traps of clinical.md, section 2.4: saturation, order, lazy searches, signs."""

import pytest
import torch
from torch.nn import functional as F

from medtail.methods.core.submodular import information, library
from medtail.methods.core.submodular.information import saturated, select
from medtail.methods.core.submodular.problem import Problem
from medtail.methods.core.submodular.similarity import (
    inner_products,
    take,
    unit,
)
from tests.methods.core.submodular.definitions import BUDGET, ENGINES, N, brute_force, vectors


def ordered_pool():
    """A pool sorted by class: of its images only the first few are like the query."""
    draw = torch.Generator().manual_seed(0)
    target = torch.arange(4).repeat_interleave(50)
    features = F.one_hot(target, 4) + 0.05 * torch.rand(200, 4, generator=draw)
    pool = unit((features.double(),))
    return pool, unit((features[:3].double(),)), target


@ENGINES
def test_flvmi_saturates_and_then_picks_by_position(engine):
    """In class order, what has no gain left is one class: the last of submodlib, ours the first."""
    pool, query, target = ordered_pool()
    query = unit((torch.eye(4)[1:2].double(),))
    picks, gains = select("flvmi", pool, query, 40, engine=engine)
    idle = picks[gains < information.ZERO]
    assert saturated(gains) == len(idle) >= 20
    assert gains[: 40 - len(idle)].min() > information.ZERO
    by_position = 3 if engine == "submodlib" else 0
    assert (target[idle] == by_position).float().mean() > 0.9
    shuffle = torch.randperm(200, generator=torch.Generator().manual_seed(1))
    shuffled, _ = select("flvmi", take(pool, shuffle), query, 40, engine=engine)
    counts = target[shuffle[shuffled]].bincount(minlength=4)
    assert (counts >= 3).all()


@pytest.mark.parametrize("function", ["flqmi", "gcmi", "logdetmi", "com"])
@pytest.mark.parametrize("engine", ["vectorised", "submodlib"])
def test_the_others_do_not_depend_on_order(function, engine):
    pool, query = vectors(5, pool=200)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(2))
    straight, _ = select(function, pool, query, 30, engine=engine)
    shuffled, _ = select(function, take(pool, order), query, 30, engine=engine)
    assert order[shuffled].tolist() == straight.tolist()


def test_logdetmi_is_not_submodular_and_is_not_searched_lazily():
    """Where a lazy search goes wrong, both engines still find the greedy answer."""
    differs = 0
    for seed in range(6):
        pool, query = vectors(seed)
        problem = Problem("logdetmi", pool, query, 1.0, 0.01)
        lazy, _ = library.maximise(problem, BUDGET, "lazy")
        expected, _ = brute_force("logdetmi", pool, query, BUDGET, ridge=0.01)
        for engine in ("submodlib", "vectorised"):
            picks, _ = select("logdetmi", pool, query, BUDGET, ridge=0.01, engine=engine)
            assert picks.tolist() == expected
        differs += lazy != expected
    assert differs


@ENGINES
def test_com_counts_no_negative_similarity(engine):
    """Signed kernels would give NaN, on which submodlib's LazyGreedy never returns."""
    pool, query = vectors(0)
    assert (inner_products(pool, query) < -0.5).any()
    _, gains = select("com", pool, query, N, engine=engine)
    assert gains.isfinite().all()
    assert (gains > -1e-9).all()
