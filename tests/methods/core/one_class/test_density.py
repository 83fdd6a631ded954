"""Densities that several one-class methods share, against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from medtail.methods.core.one_class import density


def test_ledoit_wolf_is_that_of_scikit_learn():
    for shape in ((200, 6), (10, 20)):
        features = np.random.default_rng(0).normal(size=shape) @ np.diag(
            np.linspace(1, 3, shape[1])
        )
        _, covariance = density.ledoit_wolf(torch.tensor(features))
        expected = LedoitWolf().fit(features)
        np.testing.assert_allclose(covariance, expected.covariance_, rtol=1e-8, atol=1e-10)
        gaussian = density.Gaussian(shape[1]).double()
        gaussian.fit(torch.tensor(features))
        other = np.random.default_rng(1).normal(size=(5, shape[1]))
        found = gaussian(torch.tensor(other))
        np.testing.assert_allclose(found, expected.mahalanobis(other), rtol=1e-6)
    constant = density.Gaussian(3)
    constant.fit(torch.ones(5, 3))
    assert constant(torch.randn(2, 3)).isfinite().all()


def test_neighbours_are_those_of_scikit_learn():
    known, asked = torch.randn(30, 4), torch.randn(7, 4)
    neighbours = density.Neighbours(50, 4, k=3)
    neighbours.fit(known)
    expected = NearestNeighbors(n_neighbors=3).fit(known.numpy()).kneighbors(asked.numpy())[0]
    np.testing.assert_allclose(neighbours(asked), (expected**2).mean(1), rtol=1e-5)
    neighbours.fit(known[:2])  # fewer than k
    both = ((asked[:, None] - known[:2]) ** 2).sum(2)
    np.testing.assert_allclose(neighbours(asked), both.mean(1), rtol=1e-5)


def test_auroc_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    abnormal, given = rng.integers(0, 9, 40) + 1.0, rng.integers(0, 9, 30)
    truth = np.r_[np.ones(40), np.zeros(30)]
    found = density.auroc(torch.tensor(abnormal), torch.tensor(given))
    assert found == pytest.approx(roc_auc_score(truth, np.r_[abnormal, given]))
