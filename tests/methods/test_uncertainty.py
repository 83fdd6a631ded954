"""Entropy, margin and confidence: against loops, and the uncertain come first."""

import math

import numpy as np
import pytest
import torch

from medtail.methods.core.active.base import probabilities
from medtail.methods.core.scene import Scene, Seen
from medtail.methods.entropy_sampling import entropy
from medtail.methods.margin_sampling import margin
from tests.methods.active import build, generator


def logits_of(rows):
    return torch.tensor(rows, dtype=torch.float64).clamp(min=1e-300).log().float()


PEAKED = [0.97, 0.01, 0.01, 0.01]
CLOSE = [0.49, 0.48, 0.02, 0.01]  # smallest margin
FLAT = [0.36, 0.22, 0.21, 0.21]  # largest entropy, least confidence
TABLE = [PEAKED, CLOSE, FLAT]


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("entropy_sampling", [2, 1, 0]),
        ("margin_sampling", [1, 2, 0]),
        ("least_confidence", [2, 1, 0]),
    ],
)
def test_the_uncertain_come_first(slug, expected, learner):
    pool = Seen(torch.zeros(3, 2), logits_of(TABLE))
    given = Scene(pool, pool, pool)
    assert build(slug).acquire(learner, given, 3, generator()).tolist() == expected


def test_entropy_and_margin_in_loops():
    p = np.random.default_rng(0).dirichlet(np.ones(5), 20)
    p[3] = [1, 0, 0, 0, 0]
    expected = [-sum(x * math.log(x) for x in row if x > 0) for row in p]
    np.testing.assert_allclose(entropy(torch.tensor(p)), expected, atol=1e-12)
    expected = [sorted(row)[-1] - sorted(row)[-2] for row in p]
    np.testing.assert_allclose(margin(torch.tensor(p)), expected, atol=1e-12)


def test_the_most_confident_images_do_not_tie():
    p = probabilities(torch.tensor([[20.0, 0.0], [25.0, 0.0], [30.0, 0.0]]))
    assert len(set(entropy(p).tolist())) == 3
    assert entropy(p).isfinite().all()
