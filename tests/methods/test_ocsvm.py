"""One-class support vectors: scikit-learn's scores, the dual's constraints, the share outside."""

import numpy as np
import pytest
import torch
from sklearn.svm import OneClassSVM

from medtail.datamodules.core.errors import MedtailError
from tests.methods.one_class import SPEC, batch, build, trained


def drawn(amount, dim, seed=0):
    return torch.randn(amount, dim, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def fitted():
    def get(nu=0.1, amount=200):
        method = build("ocsvm", nu=nu)
        features = drawn(amount, method.num_features)
        method.fit(features)
        return method, features

    return get


@pytest.mark.parametrize("nu", [0.05, 0.3, 0.99])
def test_scores_are_those_of_scikit_learn(fitted, nu):
    method, features = fitted(nu)
    query = 1.5 * drawn(30, method.num_features, seed=1)
    model = OneClassSVM(nu=nu, gamma="scale").fit(features.double().numpy())
    expected = -model.decision_function(query.double().numpy()) / (nu * len(features))
    np.testing.assert_allclose(method.outside(query), expected, atol=1e-6, rtol=1e-3)


def test_the_kernel_expansion_in_loops(fitted):
    method, features = fitted()
    query, amount = drawn(3, method.num_features, seed=2), int(method.amount)
    gamma = 1 / (features.shape[1] * features.numpy().astype(float).var())
    assert float(method.gamma) == pytest.approx(gamma, rel=1e-6)
    for q, found in zip(query, method.outside(query), strict=True):
        total = sum(
            float(a) * np.exp(-gamma * float((q - f).square().sum()))
            for a, f in zip(method.alpha[:amount], method.support[:amount], strict=True)
        )
        assert float(found) == pytest.approx(float(method.rho) - total, abs=1e-6)


@pytest.mark.parametrize("nu", [0.1, 0.5])
def test_the_dual_holds_and_nu_is_the_share_outside(fitted, nu):
    method, features = fitted(nu)
    amount = int(method.amount)
    alpha = method.alpha[:amount]
    assert alpha.sum().item() == pytest.approx(1, abs=1e-5)
    assert (alpha > 0).all()
    assert alpha.max().item() <= 1 / (nu * 200) * (1 + 1e-5)
    assert amount >= nu * 200
    assert not method.alpha[amount:].any()
    outside = (method.outside(features) > 1e-4).float().mean()
    assert outside <= nu + 1e-6


def test_what_is_far_is_abnormal(fitted):
    method, features = fitted()
    near, far = method.outside(features).mean(), method.outside(10 * features).mean()
    assert far > near
    assert far.item() == pytest.approx(float(method.rho), abs=1e-3), "no kernel reaches there"


def test_a_second_fit_forgets_the_first(fitted):
    method, _ = fitted(nu=0.9)
    many = int(method.amount)
    features = drawn(50, method.num_features, seed=5)
    method.fit(features)
    assert int(method.amount) < many
    fresh = build("ocsvm", nu=0.9)
    fresh.fit(features)
    query = drawn(9, method.num_features, seed=6)
    assert torch.equal(method.outside(query), fresh.outside(query))


def test_it_concludes_on_directions_of_given_images_alone():
    method = trained("ocsvm", nu=0.4)
    plain = [batch(SPEC, n) for n in range(3)]
    rows = torch.cat([method.directions(b.image) for b in plain]).detach()
    known = method.support[: int(method.amount)]
    torch.testing.assert_close(known.norm(dim=1), torch.ones(len(known)))
    assert float(torch.cdist(known, rows).min(1).values.max()) < 1e-4
    assert int(method.amount) >= 0.4 * 24
    same = torch.ones(4, method.num_features)
    method.fit(same)
    assert method.outside(same).isfinite().all()
    with pytest.raises(MedtailError, match="nu must be in"):
        build("ocsvm", nu=1)
