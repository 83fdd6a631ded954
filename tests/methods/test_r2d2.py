"""R2-D2: ridge regression against its definition, its limits, and gradients through it."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.methods import r2d2
from tests.methods.few_shot import build, episodes, fit, support_of

TARGET = torch.tensor([0, 1, 1, 0, 2])


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("dim", [2, 3, 4, 5, 9])
@pytest.mark.parametrize("ridge", [0.01, 50.0])
def test_it_minimises_the_regularised_squares(dim, ridge):
    """||X W - Y||^2 + l ||W||^2 with rows over root S, from the definition's zero gradient."""
    features = drawn(5, dim)
    found = r2d2.ridge_regression(
        features, TARGET, 3, torch.tensor(ridge, dtype=torch.float64)
    ).numpy()
    x = np.array([[*f, 1.0] for f in features.tolist()]) / math.sqrt(5)
    y = np.zeros((5, 3))
    for row, n in enumerate(TARGET.tolist()):
        y[row, n] = 1 / math.sqrt(5)
    assert found.shape == (dim + 1, 3)
    np.testing.assert_allclose(x.T @ (x @ found - y) + ridge * found, 0, atol=1e-10)


def test_a_large_ridge_leaves_inner_products_with_class_sums():
    features, query, ridge = drawn(5, 4), drawn(3, 4, seed=1), 1e9
    weight = r2d2.ridge_regression(features, TARGET, 3, torch.tensor(ridge, dtype=torch.float64))
    scores = r2d2.with_one(query) @ weight * ridge
    for q, row in zip(query, scores, strict=True):
        for n in range(3):
            total = sum(float(q @ f) + 1 for f, y in zip(features, TARGET, strict=True) if y == n)
            assert float(row[n]) == pytest.approx(total / 5, rel=1e-6, abs=1e-7)


def test_a_small_ridge_fits_the_support_better():
    features, errors = drawn(5, 9), []
    for ridge in (100.0, 1.0, 0.01, 1e-6):
        weight = r2d2.ridge_regression(
            features, TARGET, 3, torch.tensor(ridge, dtype=torch.float64)
        )
        errors.append(float((r2d2.with_one(features) @ weight - F.one_hot(TARGET)).square().sum()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-6


def test_scores_are_scaled_and_the_loss_is_their_cross_entropy():
    method, batch = build("r2d2", ridge=0.5, scale=3.0).eval(), episodes()
    each = []
    for task in range(4):
        with torch.no_grad():
            f = method.features(batch.image[task]).double()
        weight = r2d2.ridge_regression(
            f[:6], batch.target[task, :6], 2, torch.tensor(0.5, dtype=torch.float64)
        )
        scores = (3 * r2d2.with_one(f[6:]) @ weight).tolist()
        for row, y in zip(scores, batch.target[task, 6:].tolist(), strict=True):
            each.append(-math.log(math.exp(row[y]) / sum(math.exp(s) for s in row)))
        adapted = method.adapt(support_of(batch, task))(batch.image[task, 6:])
        np.testing.assert_allclose(adapted, scores, atol=1e-4)
    assert method.loss(batch).item() == pytest.approx(sum(each) / len(each), rel=1e-4)


def test_gradients_go_through_the_solver():
    """The embedding of the support set, l and a, against finite differences."""
    support, query = drawn(4, 3).requires_grad_(), drawn(2, 3, seed=1)
    target = torch.tensor([0, 1, 1, 0])
    log_ridge = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)

    def scores(f, log):
        weight = r2d2.ridge_regression(f, target, 2, log.exp())
        return r2d2.with_one(query) @ weight

    assert torch.autograd.gradcheck(scores, (support, log_ridge))


def test_ridge_and_scale_are_learnt_and_told():
    method = build("r2d2")
    assert method.findings() == pytest.approx({"ridge": 1.0, "scale": 10.0})
    fit(method, 3, lr=0.05)
    found = method.findings()
    assert found["ridge"] != pytest.approx(1.0)
    assert found["scale"] != pytest.approx(10.0)
    with torch.no_grad():
        method.log_ridge.fill_(-30.0)
    assert method.findings()["ridge"] > 0, "it cannot turn negative"
    assert {"log_ridge", "scale"} <= dict(method.named_parameters()).keys()
