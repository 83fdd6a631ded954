"""TDE: its logits in loops, what it takes away, and the direction that training leaves behind."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.tde import normalised_linear, unit_slices, without_direction
from tests.methods.long_tail import batch, build, log_softmax

G = torch.Generator().manual_seed(2)
FEATURES, WEIGHT, MOVING = (
    torch.randn(*shape, generator=G, dtype=torch.float64) for shape in ((5, 12), (4, 12), (12,))
)


def in_loops(f, w, m, heads, tau, gamma, alpha):
    size = len(m) // heads
    scores = np.zeros((len(f), len(w)))
    for i, row in enumerate(f):
        for c, vector in enumerate(w):
            for h in range(heads):
                part = slice(h * size, (h + 1) * size)
                x = row[part] / np.linalg.norm(row[part])
                d = m[part] / np.linalg.norm(m[part])
                x = x - alpha * (x @ d) * d
                v = vector[part] / (np.linalg.norm(vector[part]) + gamma)
                scores[i, c] += tau / heads * (x @ v)
    return scores


@pytest.mark.parametrize("heads", [1, 2, 3])
@pytest.mark.parametrize("alpha", [0.0, 1.5])
def test_the_logits(heads, alpha):
    slices = without_direction(unit_slices(FEATURES, heads), MOVING, alpha)
    found = normalised_linear(slices, WEIGHT, 16.0, 1 / 32)
    arrays = [value.numpy() for value in (FEATURES, WEIGHT, MOVING)]
    np.testing.assert_allclose(found, in_loops(*arrays, heads, 16, 1 / 32, alpha), rtol=1e-9)


def test_along_the_direction_logits_shrink_and_across_it_they_stay():
    along = MOVING[None] * torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    slices = unit_slices(along, 2)
    plain = normalised_linear(slices, WEIGHT, 16.0, 1 / 32)
    found = normalised_linear(without_direction(slices, MOVING, 1.5), WEIGHT, 16.0, 1 / 32)
    torch.testing.assert_close(found, (1 - 1.5) * plain)
    across = unit_slices(FEATURES, 1)
    across = F.normalize(without_direction(across, MOVING, 1.0), dim=2)
    torch.testing.assert_close(without_direction(across, MOVING, 3.0), across)


def test_of_no_direction_nothing_is_taken():
    slices = unit_slices(FEATURES, 2)
    assert torch.equal(without_direction(slices, torch.zeros(12).double(), 3.0), slices)
    assert torch.equal(without_direction(slices, MOVING, 0.0), slices)


def test_training_moves_the_direction_and_sees_plain_logits():
    method = build("tde")
    steps = [batch(seed) for seed in range(3)]
    moving = np.zeros(method.num_features)
    for given in steps:
        f = method.features(given.image).detach().double().numpy()
        w = method.classifier.weight.detach().double().numpy()
        moving = 0.9 * moving + f.mean(0)
        likely = log_softmax(in_loops(f, w, np.ones_like(moving), 2, 16, 1 / 32, 0.0))
        expected = -np.mean([row[y] for row, y in zip(likely, given.target.tolist(), strict=True)])
        assert method.loss(given).item() == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(method.moving, moving, rtol=1e-4, atol=1e-5)
    f = method.features(steps[0].image).detach().double().numpy()
    found = method(steps[0].image).detach().numpy()
    np.testing.assert_allclose(found, in_loops(f, w, moving, 2, 16, 1 / 32, 1.5), atol=1e-4)
    assert not method.moving.requires_grad


def test_the_direction_is_not_moved_by_predictions_and_travels_with_the_weights():
    method, image = build("tde"), batch().image
    method.loss(batch())
    before = method.moving.clone()
    found = method(image)
    assert torch.equal(method.moving, before)
    assert "moving" in method.state_dict()
    other = build("tde", seed=1)
    other.load_state_dict(method.state_dict())
    assert torch.equal(other(image), found)
    without = build("tde", alpha=0.0)
    without.load_state_dict(method.state_dict())
    assert not torch.allclose(without(image), found, rtol=0.05)


def test_it_has_no_bias_and_takes_its_published_constants():
    method = build("tde")
    assert method.classifier.bias is None
    assert (method.heads, method.tau, method.gamma) == (2, 16.0, 1 / 32)
    assert (method.alpha, method.momentum) == (1.5, 0.9)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"alpha": -1.0}, "alpha must be"),
        ({"gamma": -1.0}, "gamma must be"),
        ({"heads": 0}, "heads must be"),
        ({"tau": 0.0}, "tau must be"),
        ({"momentum": 1.0}, "momentum must be"),
        ({"heads": 7}, "features are not 7 slices of one length: set heads to a divisor"),
    ],
)
def test_bad_arguments(wrong, words):
    with pytest.raises(MedtailError, match=words):
        build("tde", **wrong)
