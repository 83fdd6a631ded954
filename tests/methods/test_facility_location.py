"""Facility location: the greedy coverage in loops, with and without what is labelled."""

import itertools

import numpy as np
import pytest
import torch

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.submodular.information import select
from tests.methods.active import build, generator, scene


def unit(rows):
    rows = np.asarray(rows, dtype=float)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def vectors(seen, similarity):
    """Rows of norm 1: features, or the last layer's gradients, written down."""
    h = seen.features.double().numpy()
    if similarity == "feature":
        return unit(h)
    z = seen.logits.double().numpy()
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    label = p.argmax(1) if seen.target is None else seen.target.numpy()
    d = p - np.eye(p.shape[1])[label]
    return unit([np.outer(a, [1, *b]).ravel() for a, b in zip(d, h, strict=True)])


def coverage(s, picks, start):
    best = start.copy()
    for j in picks:
        best = np.maximum(best, s[:, j])
    return best.sum()


def greedy(s, budget, start):
    picks, gains = [], []
    for _ in range(budget):
        before = coverage(s, picks, start)
        each = [
            coverage(s, [*picks, j], start) - before if j not in picks else -1
            for j in range(len(s))
        ]
        picks.append(int(np.argmax(each)))
        gains.append(max(each))
    return picks, gains


@pytest.mark.parametrize("similarity", ["gradient", "feature"])
@pytest.mark.parametrize("labelled", [True, False])
def test_the_greedy_answer(similarity, labelled, learner):
    given = scene(learner, 40)
    pool, known = vectors(given.pool, similarity), vectors(given.labelled, similarity)
    start = np.maximum((pool @ known.T).max(1), 0) if labelled else np.zeros(40)
    expected, gains = greedy(pool @ pool.T, 8, start)
    method = build("facility_location", similarity=similarity, labelled=labelled)
    assert method.acquire(learner, given, 8, generator()).tolist() == expected
    assert gains == sorted(gains, reverse=True)


def test_the_defaults(learner):
    given = scene(learner, 40)
    said = build("facility_location", similarity="gradient", labelled=True)
    answers = [
        m.acquire(learner, given, 6, generator()) for m in (build("facility_location"), said)
    ]
    assert torch.equal(*answers)


def test_one_pick_is_the_medoid_and_greedy_is_near_the_optimum():
    points = torch.tensor(unit(np.random.default_rng(1).normal(size=(12, 3))))
    s = np.maximum((points @ points.T).numpy(), 0)
    picks, gains = select("facility_location", (points,), (), 3, engine="vectorised")
    assert picks[0] == int(s.sum(0).argmax())
    best = max(coverage(s, some, np.zeros(12)) for some in itertools.combinations(range(12), 3))
    assert best * (1 - 1 / np.e) <= gains.sum().item() <= best + 1e-5


def test_what_is_labelled_covers_itself():
    points = (torch.tensor(unit(np.random.default_rng(2).normal(size=(12, 3)))),)
    _, gains = select("facility_location", points, (), 3, engine="vectorised", labelled=points)
    np.testing.assert_allclose(gains, 0, atol=1e-5)


def test_only_our_engine_and_this_function_know_what_is_labelled():
    points = (torch.eye(4),)
    for function, engine in (("flqmi", "vectorised"), ("facility_location", "submodlib")):
        with pytest.raises(MedtailError, match="knows what is labelled"):
            select(function, points, points, 2, engine=engine, labelled=points)
    with pytest.raises(MedtailError, match="not finite"):
        select("facility_location", points, (), 2, labelled=(torch.full((1, 4), torch.nan),))
