"""BalPoE: its loss on mixed images in loops, its limits, and that its tau have the mean 1."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.methods import balpoe
from medtail.methods.balanced_softmax import balanced_softmax_loss
from medtail.methods.balpoe import balanced_product_loss, shares_of_prior
from tests.methods.experts import COMMON, COUNTS, RARE, batch, build, log_softmax, logits_of

LOG_PI = np.log(np.array(COUNTS) / sum(COUNTS))


@pytest.mark.parametrize(("experts", "taus"), [(3, (0, 1, 2)), (2, (0, 2)), (1, (1,))])
def test_the_loss_is_the_cards(experts, taus, monkeypatch):
    method, given = build("balpoe", experts=experts), batch()
    partner, lam = torch.tensor([3, 0, 1, 2, 7, 6, 5, 4]), 0.7
    monkeypatch.setattr(balpoe, "draw_weight", lambda a, b: lam if (a, b) == (0.4, 0.4) else None)
    monkeypatch.setattr(balpoe, "draw_partners", lambda image: partner)
    mixed = lam * given.image + (1 - lam) * given.image[partner]
    z, y = logits_of(method, mixed), given.target
    expected = 0.0
    for one, tau in zip(z, taus, strict=True):
        log_p = log_softmax(one + tau * LOG_PI)
        for i in range(8):
            expected -= lam * log_p[i, y[i]] + (1 - lam) * log_p[i, y[partner[i]]]
    assert method.loss(given).item() == pytest.approx(expected / 8 / experts, rel=1e-4)


def test_the_mean_of_tau_is_one_whatever_their_spread():
    for experts in (1, 2, 3, 5):
        for spread in (0.0, 0.5, 1.0, 2.0):
            tau = shares_of_prior(experts, spread)
            assert len(tau) == experts
            assert tau.mean().item() == pytest.approx(1)
            if experts > 1:
                assert (tau.max() - tau.min()).item() == pytest.approx(2 * spread)
    assert shares_of_prior(3, 1.0).tolist() == [0, 1, 2]


def test_limits(monkeypatch):
    """One expert and no mixing is balanced softmax; without a prior it is cross-entropy."""
    given = batch()
    drawn = []
    monkeypatch.setattr(balpoe, "draw_weight", lambda a, b: drawn.append(a))
    method = build("balpoe", experts=1, alpha=0)
    logits = torch.tensor(logits_of(method, given.image)[0]).float()
    expected = balanced_softmax_loss(logits, given.target, torch.tensor(COUNTS))
    torch.testing.assert_close(method.loss(given), expected)
    assert not drawn
    y, none = given.target, torch.zeros(1, 7)
    loss = balanced_product_loss(logits[None], y, y, 1.0, none)
    torch.testing.assert_close(loss, F.cross_entropy(logits, y))


def test_predictions_have_no_prior():
    method, image = build("balpoe"), batch().image
    found = method(image).detach().numpy()
    np.testing.assert_allclose(found, logits_of(method, image).mean(0), rtol=1e-5, atol=1e-5)


def test_the_rare_class_costs_more_at_equal_logits():
    method = build("balpoe")
    method.of_each = lambda features: torch.zeros(3, 8, 7)
    rare, common = (method.loss(batch(c)).item() for c in (RARE, COMMON))
    assert rare > 2 * common
