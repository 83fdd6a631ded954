"""Perturbations: operations that differ, and the surprise at them."""

import math

import pytest
import torch
from torch.nn import functional as F

from medtail.methods import perturbation_occ


def test_surprise_is_the_mean_cross_entropy_of_the_operations():
    logits = torch.randn(3, 2, 3)
    for b in range(2):
        each = [-math.log(F.softmax(logits[k, b], 0)[k]) for k in range(3)]
        found = perturbation_occ.surprise(logits)[b].item()
        assert found == pytest.approx(sum(each) / 3, rel=1e-5)


def test_operations_differ_and_keep_what_they_should():
    pixels = torch.rand(4, 3, 9, 12, generator=torch.Generator().manual_seed(0))
    made = [operation(pixels) for operation in perturbation_occ.OPERATIONS]
    assert all(m.shape == pixels.shape and m.min() >= 0 and m.max() <= 1 for m in made)
    for i, one in enumerate(made):
        assert all((one - other).abs().mean() > 0.01 for other in made[:i])
    assert torch.equal(made[0], pixels)
    square = pixels[:, :, 2:4, 4:6].mean((2, 3))
    torch.testing.assert_close(made[2][:, :, 3, 5], square)
