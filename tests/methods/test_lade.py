"""LADE: its regulariser in loops, its limits, absent classes."""

import math

import numpy as np
import pytest
import torch

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.balanced_softmax import balanced_softmax_loss
from medtail.methods.core.weights import log_prior
from medtail.methods.lade import density_ratio_loss
from tests.methods.long_tail import COUNTS, PI, RARE, batch, build, draw, log_softmax

PRIOR = torch.tensor(np.log(PI))


def spread(s, c):
    return math.log(np.mean([math.exp(row[c] - math.log(PI[c]) + math.log(1 / 7)) for row in s]))


def in_loops(s, y, lam):
    total = 0.0
    for c in range(7):
        mine = [row[c] for row, target in zip(s, y, strict=True) if target == c]
        a = sum(mine) / len(mine) if mine else 0.0
        total += PI[c] * (a - spread(s, c) - lam * spread(s, c) ** 2)
    return -total


@pytest.mark.parametrize("lam", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("absent", [False, True])
def test_the_regulariser(lam, absent):
    logits, target = draw(4)
    if absent:
        target = target.clamp(max=3)
    found = density_ratio_loss(logits, target, PRIOR, lam).item()
    assert found == pytest.approx(in_loops(logits.numpy(), target.tolist(), lam))


def test_the_loss_is_both_terms():
    method, given = build("lade", alpha=0.3, lam=0.2), batch()
    s = method(given.image).detach().double().numpy()
    likely = log_softmax(s + np.log(PI))
    expected = -np.mean([row[y] for row, y in zip(likely, given.target.tolist(), strict=True)])
    expected += 0.3 * in_loops(s, given.target.tolist(), 0.2)
    assert method.loss(given).item() == pytest.approx(expected, rel=1e-5)
    defaults = build("lade")
    assert (defaults.alpha, defaults.lam) == (0.1, 0.1)


def test_without_the_regulariser_it_is_balanced_softmax():
    method, given = build("lade", alpha=0.0), batch()
    expected = balanced_softmax_loss(method(given.image), given.target, COUNTS)
    torch.testing.assert_close(method.loss(given), expected)
    assert not torch.allclose(build("lade").loss(given), expected, rtol=1e-3)


def test_with_a_larger_square_the_spread_shrinks():
    """Of two minimisers of R from the same start."""
    sizes = []
    for lam in (0.0, 1.0):
        logits, target = draw(5)
        logits.requires_grad_()
        for _ in range(300):
            (gradient,) = torch.autograd.grad(
                density_ratio_loss(logits, target, PRIOR, lam), logits
            )
            logits.data -= gradient
        sizes.append(sum(abs(spread(logits.detach().numpy(), c)) for c in range(7)))
    assert sizes[1] < 0.5 * sizes[0]


def test_an_absent_class_is_pushed_down():
    logits = torch.zeros(4, 7, dtype=torch.float64, requires_grad=True)
    density_ratio_loss(logits, torch.zeros(4).long(), PRIOR, 0.0).backward()
    assert (logits.grad[:, RARE] > 0).all()
    assert (logits.grad[:, 0] == 0).all()  # mean and spread of the class that is there agree


def test_plain_logits_at_test_and_bad_arguments():
    image = batch().image
    assert torch.equal(build("lade")(image), build("erm")(image))
    np.testing.assert_allclose(build("lade").prior, log_prior(COUNTS))
    for wrong in ({"alpha": -1.0}, {"lam": -0.1}):
        with pytest.raises(MedtailError, match="must be in"):
            build("lade", **wrong)
