"""GRAD-MATCH: orthogonal matching pursuit on gradients that are written down."""

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from medtail.methods import gradmatch
from medtail.methods.core.scene import Scene, Seen
from medtail.methods.core.submodular.similarity import gradient_factors
from tests.methods.active import build, generator


def drawn(amount, classes=3, dim=4, seed=0, target=None):
    rng = np.random.default_rng(seed)
    features = torch.tensor(np.abs(rng.normal(size=(amount, dim))))
    return Seen(features, torch.tensor(2 * rng.normal(size=(amount, classes))), target)


def written_down(seen):
    """p - e_t, by [1, h], of the hypothesised or the known class."""
    rows = []
    for h, z, n in zip(seen.features.numpy(), seen.logits.numpy(), itertools.count()):
        p = np.exp(z) / np.exp(z).sum()
        t = int(z.argmax()) if seen.target is None else int(seen.target[n])
        rows.append(np.outer(p - np.eye(len(z))[t], np.r_[1, h]).ravel())
    return np.array(rows)


def pursued(gradients, wanted, amount, ridge):
    """By the stacked system of the ridge: min ||[A; root(ridge) I] w - [G; 0]||, w >= 0."""
    residual, chosen = wanted.copy(), []
    for _ in range(amount):
        promise = [-np.inf if j in chosen else g @ residual for j, g in enumerate(gradients)]
        chosen.append(int(np.argmax(promise)))
        columns = gradients[chosen].T
        stacked = np.r_[columns, np.sqrt(ridge) * np.eye(len(chosen))]
        weight, _ = nnls(stacked, np.r_[wanted, np.zeros(len(chosen))])
        residual = wanted - columns @ weight
    return chosen


@pytest.mark.parametrize("ridge", [0.01, 1.0, 20.0])
def test_pursuit_in_loops_with_written_gradients(ridge):
    pool = drawn(40)
    query = drawn(9, seed=1, target=torch.arange(9) % 3)
    parts = gradient_factors(pool.logits, pool.features)
    gradients = written_down(pool)
    for whole, rows in (
        (parts, gradients),
        (gradient_factors(query.logits, query.features, query.target), written_down(query)),
    ):
        expected = pursued(gradients, rows.sum(0), 12, ridge)
        assert gradmatch.matching_pursuit(parts, whole, 12, ridge).tolist() == expected


def test_the_ridge_says_something(learner):
    pool = drawn(40)
    parts, picks = gradient_factors(pool.logits, pool.features), []
    for ridge in (0.01, 20.0):
        picks.append(gradmatch.matching_pursuit(parts, parts, 12, ridge).tolist())
        method = build("gradmatch", ridge=ridge)
        chosen = method.acquire(learner, Scene(pool, pool, pool), 12, generator())
        assert chosen.tolist() == picks[-1]
    assert picks[0] != picks[1]
    assert picks[0][0] == picks[1][0]


def test_weights_are_not_negative_and_the_best_such():
    rng = np.random.default_rng(3)
    columns, wanted = rng.normal(size=(6, 4)), rng.normal(size=6)
    gram, product = torch.tensor(columns.T @ columns), torch.tensor(columns.T @ wanted)
    found = gradmatch.non_negative(gram, product, 0.5).numpy()
    assert (found >= 0).all()
    assert (found == 0).any()
    slope = columns.T @ (columns @ found - wanted) + 0.5 * found
    np.testing.assert_allclose(slope[found > 0], 0, atol=1e-10)
    assert (slope[found == 0] > 0).all(), "more weight would not help"


def test_what_is_chosen_matches_the_gradient_better_than_a_draw_and_better_with_more():
    pool = drawn(60, classes=4, dim=6)
    gradients, parts = written_down(pool), gradient_factors(pool.logits, pool.features)
    wanted = gradients.sum(0)

    def error(rows):
        _, left = nnls(gradients[list(rows)].T, wanted)
        return left / np.linalg.norm(wanted)

    errors = [error(gradmatch.matching_pursuit(parts, parts, n, 1e-3)) for n in (1, 3, 8)]
    assert errors == sorted(errors, reverse=True)
    draws = [error(torch.randperm(60, generator=generator(s))[:8]) for s in range(20)]
    assert errors[-1] < min(draws)


def test_the_second_choice_is_not_of_what_is_matched_already(learner):
    """Two groups of gradients: one image of each comes first, though one group is larger."""
    features = torch.tensor([[4.0, 0.0]] * 5 + [[0.0, 3.0]] * 4)
    pool = Seen(features, torch.tensor([[0.3, 0.0, -4.0]]).repeat(9, 1))
    picks = build("gradmatch", ridge=0.01).acquire(learner, Scene(pool, pool, pool), 2, generator())
    assert sorted((picks >= 5).tolist()) == [False, True]


def test_the_query_is_matched_by_its_labels(learner):
    """Images taken for class 0 whose gradient is that of queries of class 1, wrongly class 0."""
    features = torch.tensor([[3.0, 0.0], [0.0, 3.0], [2.0, 2.0], [0.0, 2.9]])
    logits = torch.tensor([[0.5, 0.0], [0.0, 0.5], [0.5, 0.0], [0.5, 0.0]])
    query = Seen(torch.tensor([[0.0, 3.0]]), torch.tensor([[0.5, 0.0]]), torch.tensor([1]))
    pool = Seen(features, logits)
    given = Scene(pool, query, pool)
    picks = build("gradmatch", matched="query").acquire(learner, given, 1, generator())
    assert picks.tolist() == [1], "the only one that is taken for class 1"
    plain = build("gradmatch").acquire(learner, given, 1, generator())
    assert plain.tolist() != [1]
