"""BALD: mutual information in loops, and its dropout."""

import math

import numpy as np
import pytest
import torch

from medtail.methods.bald import dropout_passes, mutual_information
from tests.methods.active import generator


def test_mutual_information_in_loops():
    p = np.random.default_rng(0).dirichlet(np.ones(4), (5, 7))
    h = lambda row: -sum(x * math.log(x) for x in row)  # noqa: E731
    expected = [h(p[:, i].mean(0)) - np.mean([h(p[t, i]) for t in range(5)]) for i in range(7)]
    np.testing.assert_allclose(mutual_information(torch.tensor(p)), expected, atol=1e-12)


def test_bald_seeks_disagreement_not_uncertainty():
    agreed = torch.tensor([[0.5, 0.5]]).repeat(6, 1)
    torn = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(3, 1)
    information = mutual_information(torch.stack([agreed, torn], 1))
    assert information[0].abs() < 1e-6
    assert information[1] == pytest.approx(math.log(2), abs=1e-6)


def test_dropout_keeps_the_mean_and_drops_the_rate():
    given: list[torch.Tensor] = []

    def score(features):
        given.append(features)
        return features[:, :2]

    passes = dropout_passes(torch.ones(50, 40), score, 20, 0.25, generator())
    assert passes.shape == (20, 50, 2)
    all_given = torch.stack(given)
    assert all_given.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (all_given == 0).float().mean() == pytest.approx(0.25, abs=0.01)
    assert not torch.equal(given[0], given[1])
