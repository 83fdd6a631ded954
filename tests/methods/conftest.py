"""What tests of several methods, and of what they share, are given."""

import pytest
import torch

from tests.methods.active import build
from tests.methods.core.contrast.loops import B, C, D, M, unit


@pytest.fixture(scope="module")
def learner():
    return build("erm")


@pytest.fixture
def drawn():
    """Logits, queries, targets, keys with classes, prototypes: random, in float64."""
    g = torch.Generator().manual_seed(5)
    target, label = torch.randint(0, C, (B,), generator=g), torch.randint(0, C, (M,), generator=g)
    logits = torch.randn(B, C, generator=g, dtype=torch.float64)
    return logits, unit(g, B, D), target, (unit(g, M, D), label), unit(g, C, D)
