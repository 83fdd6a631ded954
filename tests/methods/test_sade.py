"""SADE: its three priors, the order of ties, which expert the rare class costs most."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail import methods
from medtail.datamodules.core.contract import DataSpec
from medtail.methods.sade import expert_losses, reversed_ranks, shifts
from tests.methods.experts import COMMON, COUNTS, RARE, SPEC, batch, build, log_softmax, logits_of

PI = np.array(COUNTS) / sum(COUNTS)


def turned():
    """The i-th rarest class gets the i-th largest prior."""
    rarest_first = sorted(range(7), key=lambda c: COUNTS[c])
    largest_first = sorted(COUNTS, reverse=True)
    found = [0.0] * 7
    for place, c in enumerate(rarest_first):
        found[c] = largest_first[place] / sum(COUNTS)
    return np.array(found)


@pytest.mark.parametrize("tau", [0.0, 1.0, 2.0])
def test_the_loss_is_the_cards(tau):
    method, given = build("sade", tau=tau), batch()
    z, y = logits_of(method, given.image), given.target.tolist()
    added = [np.zeros(7), np.log(PI), np.log(PI) - tau * np.log(turned())]
    expected = 0.0
    for one, add in zip(z, added, strict=True):
        for row, c in zip(one, y, strict=True):
            expected -= log_softmax(row + add)[c] / len(y)
    assert method.loss(given).item() == pytest.approx(expected, rel=1e-4)


def test_reversed_ranks():
    assert reversed_ranks(torch.tensor([5.0, 1.0, 3.0])).tolist() == [1, 5, 3]
    np.testing.assert_allclose(reversed_ranks(torch.tensor(PI)).numpy(), turned())
    assert turned()[RARE] == PI[COMMON]
    assert turned()[COMMON] == PI[RARE]
    # Ties keep the order of the classes, always.
    assert reversed_ranks(torch.tensor([4.0, 4.0, 1.0, 4.0])).tolist() == [4, 4, 4, 1]


def test_without_tau_the_third_expert_is_the_second_and_equal_counts_are_cross_entropy():
    shift = shifts(torch.tensor(COUNTS), 0.0)
    assert torch.equal(shift[1], shift[2])
    z, y = torch.randn(3, 8, 7), torch.arange(8) % 7
    found = expert_losses(z, y, shifts(torch.full((7,), 30), 2.0))
    plain = torch.stack([F.cross_entropy(one, y) for one in z])
    torch.testing.assert_close(found, plain)


def test_at_equal_logits_the_rare_class_costs_the_third_expert_most():
    shift = shifts(torch.tensor(COUNTS), 2.0)
    level = torch.zeros(3, 1, 7)
    rare, common = (expert_losses(level, torch.tensor([c]), shift) for c in (RARE, COMMON))
    assert rare[2] > rare[1] > rare[0]
    assert common[2] < common[1] < common[0]


def test_predictions_are_the_plain_mean():
    method = build("sade")
    image = batch().image
    mean = logits_of(method, image).mean(0)
    np.testing.assert_allclose(method(image).detach().numpy(), mean, rtol=1e-5, atol=1e-5)
    assert "shift" not in method.state_dict()
    absent = DataSpec("absent", ("a", "b", "none"), (100, 10, 0), (16, 16))
    assert methods.build("sade", absent).shift.isfinite().all()
    assert methods.build("sade", SPEC).shift.shape == (3, 7)
