"""Frozen densities: each detector in NumPy, and what is far."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from medtail import methods
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.one_class.density import Residual, ledoit_wolf
from tests.methods.one_class import SPEC, batch, build

RNG = np.random.default_rng(0)


def images(features):
    """Images that features can be read off."""
    image = torch.zeros(len(features), 3, 20, 20)
    image.flatten(1)[:, : features.shape[1]] = torch.tensor(features).float()
    return image


def scores(detector, known, query, **params):
    method = build("frozen_density", detector=detector, **params).eval()
    width = method.num_features
    known, query = (np.pad(f, ((0, 0), (0, width - f.shape[1]))) for f in (known, query))
    method.features = lambda image: image.flatten(1)[:, :width]
    given = batch(SPEC, 0)._replace(image=images(known), target=torch.zeros(len(known)))
    method.conclude([given], [])
    return method.abnormality(images(query)).detach().numpy()


KNOWN, QUERY = RNG.normal(size=(40, 5)) * [5, 3, 1, 0.5, 0.2] + 2, RNG.normal(size=(6, 5)) * 3


def test_knn():
    unit, asked = (f / np.linalg.norm(f, axis=1)[:, None] for f in (KNOWN, QUERY))
    for k in (1, 5):
        squared = np.sort([[((q - f) ** 2).sum() for f in unit] for q in asked], 1)
        found = scores("knn", KNOWN, QUERY, k=k)
        np.testing.assert_allclose(found, squared[:, :k].mean(1), rtol=1e-3, atol=1e-6)
    far = scores("knn", KNOWN, 7 * QUERY)
    np.testing.assert_allclose(far, scores("knn", KNOWN, QUERY), rtol=1e-4)


def test_residual():
    mean = KNOWN.mean(0)
    _, s, v = np.linalg.svd(KNOWN - mean)
    share = np.cumsum(s**2) / (s**2).sum()
    amount = int((share < 0.97).sum()) + 1
    assert 0 < amount < 5
    left = [((q - mean) - v[:amount].T @ (v[:amount] @ (q - mean))) for q in QUERY]
    expected = [(one**2).sum() for one in left]
    np.testing.assert_allclose(scores("residual", KNOWN, QUERY), expected, rtol=1e-3)
    every = Residual(5, 1.0)
    every.fit(torch.tensor(KNOWN))
    assert every(torch.tensor(QUERY)).abs().max() < 1e-6
    still = Residual(2, 0.97)
    still.fit(torch.ones(4, 2))
    assert still(torch.tensor([[1.0, 3.0]])).tolist() == [4.0]


def test_mahalanobis_and_its_direction():
    method = build("frozen_density").eval()
    known = RNG.normal(size=(60, method.num_features)) * np.linspace(3, 0.3, method.num_features)
    mean, covariance = ledoit_wolf(torch.tensor(known))
    given, (_, vectors) = mean.numpy(), np.linalg.eigh(covariance.numpy())
    least, first = (given + 2 * v for v in vectors.T[[0, -1]])
    query = np.stack([given, least, first])
    inverse = np.linalg.inv(covariance.numpy())
    expected = [(q - mean.numpy()) @ inverse @ (q - mean.numpy()) for q in query]
    found = scores("mahalanobis", known, query)
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-4)
    assert found[1] > found[2] > found[0]


def test_features_are_of_the_network_as_it_was_given():
    method = build("frozen_density")
    before = {k: v.clone() for k, v in method.backbone.state_dict().items()}
    method.conclude([batch(SPEC, seed) for seed in range(3)], [])
    assert method.stages == ()
    assert all(torch.equal(before[k], v) for k, v in method.backbone.state_dict().items())


def test_an_unknown_detector_is_one_line():
    with pytest.raises(MedtailError, match="unknown detector 'knnn': did you mean knn"):
        build("frozen_density", detector="knnn")


@pytest.mark.parametrize("detector", ["mahalanobis", "knn", "residual"])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_features_that_are_given_are_compared_as_they_are(detector, head):
    """No layer that nothing trains lies between: two seeds agree, and all of D counts."""
    spec = replace(SPEC, features=6, head=head)
    given = batch(SPEC, 0)._replace(
        image=torch.randn(30, 6, generator=torch.Generator().manual_seed(0)),
        target=torch.zeros(30),
    )
    asked = torch.tensor(RNG.normal(size=(5, 6))).float()
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        method = methods.build("frozen_density", spec, detector=detector).eval()
        assert method.num_features == 6
        assert torch.equal(method.features(asked), asked)
        method.conclude([given], [])
        found.append(method.abnormality(asked))
    assert torch.equal(*found)
