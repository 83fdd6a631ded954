"""Metric losses against loops; a step down any of them parts the classes."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.methods.core.contrast.metric_losses import METRIC_LOSSES
from tests.methods.core.contrast.metric_loops import LOOPS, D, centres, embedded


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("place", [{}, {"apart": 3.0}, {"close": 5.0}], ids=str)
def test_losses_are_their_definitions(name, place):
    z, y = embedded(1, **place)
    found = METRIC_LOSSES[name](7, D).double()(z, y)
    assert found.item() == pytest.approx(LOOPS[name](z.numpy(), y.numpy()), rel=1e-6)


def test_proxy_anchor_is_its_definition():
    z, y = embedded()
    torch.manual_seed(0)
    loss = METRIC_LOSSES["proxy_anchor"](7, D).double()
    p = F.normalize(loss.proxies.detach()).numpy()
    s, own, other = z.numpy() @ p.T, [], []
    for c in range(7):
        same = y.numpy() == c
        own.append(np.log1p(np.exp(-32 * (s[same, c] - 0.1)).sum()) if same.any() else 0)
        other.append(np.log1p(np.exp(32 * (s[~same, c] + 0.1)).sum()))
    assert loss(z, y).item() == pytest.approx(sum(own) / 4 + sum(other) / 7)


def test_every_loss_is_covered():
    assert METRIC_LOSSES.keys() == LOOPS.keys() | {"proxy_anchor", "soft_triple"}


@pytest.mark.parametrize("name", METRIC_LOSSES)
def test_a_step_down_a_loss_parts_the_classes(name):
    """Steps against its gradient halve the loss and raise cos(own) - cos(others)."""
    z, y = embedded()
    torch.manual_seed(0)
    loss = METRIC_LOSSES[name](7, D).double()

    def contrast(z):
        s, same = z @ z.T, y[:, None] == y
        return (s[same].mean() - s[~same].mean()).item()

    raw = z.clone().requires_grad_()
    learnt = torch.optim.Adam([raw, *loss.parameters()], lr=0.05)
    first = loss(z, y).item()
    for _ in range(30):
        learnt.zero_grad()
        value = loss(F.normalize(raw), y)
        assert value.isfinite()
        value.backward()
        assert raw.grad.isfinite().all()
        learnt.step()
    assert value.item() < first / 2
    # With ten centres a class every image may have one for itself.
    if name != "soft_triple":
        assert contrast(F.normalize(raw.detach())) > contrast(z) + 0.2


@pytest.mark.parametrize("name", METRIC_LOSSES)
def test_collapsed_and_single_class_batches_are_finite(name):
    loss = METRIC_LOSSES[name](7, D)
    for z, y in (
        (torch.ones(6, D) / D**0.5, torch.arange(6) % 3),
        (embedded()[0].float(), torch.zeros(12).long()),
    ):
        z = z.clone().requires_grad_()
        loss(z, y).backward()
        assert z.grad is None or z.grad.isfinite().all()


def test_centres_are_running_means():
    loss, mu = METRIC_LOSSES["center"](7, D).double(), {}
    for seed in range(3):
        z, y = embedded(seed)
        loss(z, y)
        for c, mean in centres(z.numpy(), y.numpy()).items():
            mu[c] = mean if c not in mu else 0.9 * mu[c] + 0.1 * mean
    for c in range(4):
        np.testing.assert_allclose(loss.means[c], mu[c])
    assert loss.seen.tolist() == [True] * 4 + [False] * 3
    again = METRIC_LOSSES["center"](7, D).double()
    again.load_state_dict(loss.state_dict())
    assert torch.equal(again.means, loss.means)
