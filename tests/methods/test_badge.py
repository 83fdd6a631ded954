"""BADGE: distances of gradients that are written down, and draws by their squares."""

import numpy as np
import torch
from scipy.spatial.distance import cdist
from scipy.stats import chisquare

from medtail.methods.badge import k_means_plus_plus, squared_distances
from medtail.methods.core.scene import Scene, Seen
from medtail.methods.core.submodular.similarity import gradient_factors
from tests.methods.active import build, generator


def written_down(parts):
    return np.array([np.kron(d, h) for d, h in zip(*(p.numpy() for p in parts), strict=True)])


def test_distances_of_gradients():
    draw = generator()
    logits, features = torch.randn(9, 4, generator=draw), torch.randn(9, 5, generator=draw)
    parts = gradient_factors(logits, features, bias=False)
    whole = written_down(parts)
    expected = cdist(whole, whole[2:3], "sqeuclidean")[:, 0]
    np.testing.assert_allclose(squared_distances(parts, 2), expected, atol=1e-12)


def test_k_means_plus_plus_draws_by_squared_distance():
    """Second centres over many draws, against the distribution computed from written gradients."""
    draw = generator(1)
    logits, features = torch.randn(6, 3, generator=draw), torch.randn(6, 4, generator=draw)
    features = features * torch.tensor([3.0, 0.2, 0.5, 1.0, 1.5, 0.1])[:, None]
    parts = gradient_factors(logits, features, bias=False)
    whole = written_down(parts)
    first = int(np.linalg.norm(whole, axis=1).argmax())
    weight = cdist(whole, whole[first : first + 1], "sqeuclidean")[:, 0]
    drawn = np.zeros(6)
    for _ in range(3000):
        centers = k_means_plus_plus(parts, 2, draw)
        assert centers[0] == first
        drawn[centers[1]] += 1
    assert drawn[first] == 0
    kept = weight > 0
    assert chisquare(drawn[kept], 3000 * weight[kept] / weight.sum()).pvalue > 1e-3
    # Proportional to the distance itself would be noticed.
    plain = np.sqrt(weight[kept]) / np.sqrt(weight[kept]).sum()
    assert chisquare(drawn[kept], 3000 * plain).pvalue < 1e-3


def test_badge_takes_one_image_of_each_cluster_of_gradients(learner):
    centers = torch.tensor([[8.0, 0], [0, 8.0], [-8.0, -8.0]])
    features = centers.repeat_interleave(20, 0) + 0.01 * torch.randn(60, 2, generator=generator())
    pool = Seen(features, torch.tensor([[1.0, 0.5, 0.0]]).repeat(60, 1))
    picks = build("badge").acquire(learner, Scene(pool, pool, pool), 3, generator(3))
    assert sorted((picks // 20).tolist()) == [0, 1, 2]


def test_badge_begins_with_the_largest_gradient_of_the_weights_alone(learner):
    """Uncertain with small features, surer with large ones: a bias would turn the order round."""
    features = torch.tensor([[0.5, 0.0], [0.0, 2.0], [0.1, 0.0]])
    logits = torch.tensor([[0.1, 0.0, 0.0], [1.5, 0.0, -1.0], [0.1, 0.0, 0.0]])
    parts = gradient_factors(logits, features, bias=False)
    norms = np.linalg.norm(written_down(parts), axis=1)
    with_bias = np.linalg.norm(written_down(gradient_factors(logits, features)), axis=1)
    assert norms.argmax() == 1
    assert with_bias.argmax() == 0
    pool = Seen(features, logits)
    assert build("badge").acquire(learner, Scene(pool, pool, pool), 1, generator()).tolist() == [1]
