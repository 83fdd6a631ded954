"""DOC: compactness in loops, and descriptiveness of drawn textures."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.methods import doc
from tests.methods.test_one_class import SPEC, batch, build, step


def test_descriptiveness_is_of_the_textures():
    method, image = build("doc", compactness=0.5).eval(), batch(SPEC, 0).image
    torch.manual_seed(0)
    textures, target = doc.drawn_textures(image)
    with torch.no_grad():
        logits = method.score(method.features(method.normalised(textures)))
        compact = doc.compactness_loss(method.features(image))
        torch.manual_seed(0)
        loss = method.given_loss(image)
    each = [-math.log(F.softmax(z, 0)[k]) for z, k in zip(logits, target, strict=True)]
    expected = sum(each) / len(each) + 0.5 * compact.item()
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_compactness_is_the_distance_to_the_others():
    features = torch.randn(6, 3)
    total = 0.0
    for i in range(6):
        others = torch.stack([features[j] for j in range(6) if j != i]).mean(0)
        total += float(((features[i] - others) ** 2).sum())
    assert doc.compactness_loss(features).item() == pytest.approx(total / (6 * 3), rel=1e-5)
    assert doc.compactness_loss(torch.ones(5, 2)) == 0
    assert doc.compactness_loss(torch.ones(1, 2)) == 0


def test_textures_have_the_direction_and_wavelength_of_their_class():
    torch.manual_seed(0)
    image, target = doc.drawn_textures(torch.zeros(64, 3, 64, 64))
    assert set(target.tolist()) == set(range(8))
    for one, k in zip(image, target.tolist(), strict=True):
        power = (np.abs(np.fft.fft2(one - one.mean((1, 2), keepdim=True))) ** 2).sum(0)
        row, column = np.unravel_index(power[:, :32].argmax(), (64, 32))
        frequency = np.array([column, row - 64 * (row > 32)]) / 64
        assert 1 / np.hypot(*frequency) == pytest.approx(doc.WAVELENGTHS[k // 4], rel=0.2)
        turn = math.atan2(frequency[1], frequency[0]) - math.pi / 4 * (k % 4)
        assert abs(math.sin(turn)) < 0.2


def test_compactness_weighs_lambda():
    given, losses = batch(SPEC, 0), []
    for weight in (0.0, 1.0, 2.0):
        method = build("doc", compactness=weight)
        torch.manual_seed(1)
        losses.append(step(method, given).item())
    assert losses[1] > losses[0]
    assert losses[2] - losses[1] == pytest.approx(losses[1] - losses[0], rel=1e-3)
