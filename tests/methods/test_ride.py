"""RIDE: its loss in loops, its temperatures, that it drives experts apart."""

import numpy as np
import pytest
import torch

from medtail.methods.ride import class_temperatures, likeness
from tests.methods.experts import COMMON, COUNTS, RARE, batch, build, log_softmax, logits_of

N = np.array(COUNTS, dtype=float)


def kl(p_log, q_log):
    return sum(np.exp(a) * (a - b) for a, b in zip(p_log, q_log, strict=True))


def by_hand(z, y, lam, weight, temperature):
    d = 0.5 * (N**-0.25) / (N**-0.25).max()
    total = 0.0
    for one in z:
        for row, c in zip(one, y, strict=True):
            lowered = row.copy()
            lowered[c] -= 30 * d[c]
            total -= weight[c] * log_softmax(lowered)[c] / len(y)
        for row, mean in zip(one, z.mean(0), strict=True):
            apart = kl(log_softmax(mean / temperature), log_softmax(row / temperature))
            total += lam * temperature.mean() ** 2 * apart / len(y)
    return total


def effective():
    w = (1 - 0.9999) / (1 - 0.9999**N)
    return w * 7 / w.sum()


def tempered(r=0.05):
    u = 1 + r * (7 * N / N.sum() - 1)
    return u / u.max()


@pytest.mark.parametrize("lam", [-0.45, 0.3])
@pytest.mark.parametrize("progress", [0.0, 0.79, 0.8])
def test_the_loss_is_the_cards(lam, progress):
    method, given = build("ride", progress, diversity=lam), batch()
    z = logits_of(method, given.image)
    ones = np.ones(7)
    weight, temperature = (ones, ones) if progress < 0.8 else (effective(), tempered())
    expected = by_hand(z, given.target.tolist(), lam, weight, temperature)
    assert method.loss(given).item() == pytest.approx(expected, rel=1e-4)
    never = build("ride", progress, diversity=lam, drw=False)
    expected = by_hand(z, given.target.tolist(), lam, ones, ones)
    assert never.loss(given).item() == pytest.approx(expected, rel=1e-4)


def test_temperatures_of_ham10000():
    found = class_temperatures(torch.tensor(COUNTS), 0.05)
    np.testing.assert_allclose(found.numpy(), tempered(), rtol=1e-5)
    assert found[1] == 1
    assert found[0].item() == pytest.approx(0.835, abs=2e-3)  # MEL
    assert found[5].item() == pytest.approx(0.806, abs=2e-3)  # DF
    assert (class_temperatures(torch.tensor(COUNTS), 0.0) == 1).all()
    assert (class_temperatures(torch.tensor([9, 9, 9]), 0.7) == 1).all()


@pytest.mark.parametrize("progress", [0.0, 0.9])
def test_one_expert_without_diversity_is_ldam(progress):
    given = batch()
    one = build("ride", progress, experts=1, diversity=0.0, ratio=0.4)
    ldam = build("ldam", progress)
    assert one.loss(given).item() == pytest.approx(ldam.loss(given).item(), rel=1e-5)
    # Of one expert the mean is itself.
    assert likeness(torch.randn(1, 5, 7), torch.ones(7)).abs() < 1e-6


def test_the_mean_of_the_experts_has_no_gradient():
    z = torch.randn(3, 4, 7, dtype=torch.float64, requires_grad=True)
    likeness(z, torch.ones(7).double()).backward()
    p = z.detach().softmax(2)
    mean = z.detach().mean(0).softmax(1)
    # d KL(q || softmax(z)) / dz = softmax(z) - q, with q a constant.
    torch.testing.assert_close(z.grad, (p - mean) / 4)


def pairwise(z):
    log = z.log_softmax(2)
    pairs = [(a, b) for a in range(len(z)) for b in range(len(z)) if a != b]
    apart = [(log[a].exp() * (log[a] - log[b])).sum(1).mean() for a, b in pairs]
    return torch.stack(apart).mean().item()


def test_more_diversity_drives_the_experts_further_apart():
    start = torch.randn(3, 16, 7, generator=torch.Generator().manual_seed(0))
    found = []
    for lam in (0.3, 0.0, -0.2, -0.6):
        z = start.clone().requires_grad_()
        optimizer = torch.optim.SGD([z], lr=1.0)
        for _ in range(20):
            loss = lam * likeness(z, torch.ones(7))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found.append(pairwise(z.detach()))
    assert found == sorted(found)
    assert found[3] > 1.1 * found[1] > 1.1 * found[0]


def test_the_rare_class_costs_more_at_equal_logits():
    method = build("ride")
    method.of_each = lambda features: torch.zeros(3, 8, 7)
    rare, common = (method.loss(batch(c)).item() for c in (RARE, COMMON))
    assert rare > 1.2 * common
