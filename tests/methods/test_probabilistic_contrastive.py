"""Probabilistic contrast: its Bessel functions, its means, its logits, its limit."""

import numpy as np
import pytest
import torch
from scipy.special import ive
from torch.nn import functional as F

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.probabilistic_contrastive import concentrations, contrast_logits, log_bessel
from tests.methods.long_tail import COUNTS, PI, batch, build, log_softmax

X = torch.tensor([0.1, 1, 5, 20, 63, 100, 300, 606, 2000, 1e4, 1e5], dtype=torch.float64)


def unit(*shape, seed=0):
    g = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=g, dtype=torch.float64), dim=-1)


def views(seed=0, size=8):
    given = batch(seed, size)
    image = torch.stack([batch(seed + s, size).image for s in (0, 50, 60)], 1)
    return given._replace(image=image)


def bessel(x, nu):
    return np.log(ive(nu, x)) + x - nu * np.log(x)


@pytest.mark.parametrize("nu", [0, 1, 15, 63])
def test_the_logarithm_and_its_derivative(nu):
    x = X.clone().requires_grad_()
    found = log_bessel(x, nu)
    np.testing.assert_allclose(found.detach(), bessel(X.numpy(), nu), rtol=1e-8)
    (gradient,) = torch.autograd.grad(found.sum(), x)
    expected = ive(nu + 1, X.numpy()) / ive(nu, X.numpy())
    np.testing.assert_allclose(gradient, expected, rtol=2e-6)
    assert (gradient <= 1).all()


def test_concentrations():
    length = torch.tensor([[0.2], [0.9], [1 - 1e-4], [1.0]]).double()
    direction = unit(4, 128)
    found = concentrations(length * direction)
    r = length[:, 0].numpy()
    with np.errstate(divide="ignore"):
        kappa = np.minimum(128 * r / (1 - r**2), 1e5)
    assert kappa[3] == 1e5
    np.testing.assert_allclose(torch.linalg.vector_norm(found, dim=1), kappa, rtol=1e-6)
    torch.testing.assert_close(F.normalize(found, dim=1), direction)


def test_the_logits_in_loops():
    z, mean = unit(5, 16), 0.7 * unit(4, 16, seed=1)
    found = contrast_logits(z, mean, 0.1)
    kappa = 16 * 0.7 / (1 - 0.49)
    for i in range(5):
        for c in range(4):
            joined = np.linalg.norm(kappa * mean[c].numpy() / 0.7 + z[i].numpy() / 0.1)
            expected = bessel(joined, 7) - bessel(kappa, 7)
            assert found[i, c].item() == pytest.approx(expected, rel=1e-8)


def test_they_are_the_expectation_of_endless_pairs():
    """Of z' from the class's distribution: log E exp(z.z' / tau), here on the circle."""
    z, mean = unit(1, 2), torch.tensor([[0.6, 0.0]], dtype=torch.float64)
    kappa = 2 * 0.6 / (1 - 0.36)
    angle = np.linspace(0, 2 * np.pi, 20001)[:-1]
    weight = np.exp(kappa * np.cos(angle))
    pair = np.exp((z[0, 0].item() * np.cos(angle) + z[0, 1].item() * np.sin(angle)) / 0.5)
    expected = np.log((weight * pair).sum() / weight.sum())
    assert contrast_logits(z, mean, 0.5).item() == pytest.approx(expected, rel=1e-8)


def test_they_rise_with_the_cosine_to_the_class():
    mean = torch.tensor([[0.8] + [0.0] * 15]).double()
    angle = torch.linspace(0, 3.14, 20).double()
    z = torch.zeros(20, 16).double()
    z[:, 0], z[:, 1] = angle.cos(), angle.sin()
    assert (contrast_logits(z, mean, 0.1)[:, 0].diff() < 0).all()


def test_means_are_of_the_last_epoch_and_this_one():
    method = build("probabilistic_contrastive", dim=4)
    start = method.means()
    np.testing.assert_allclose(torch.linalg.vector_norm(start, dim=1), 0.9, rtol=1e-5)
    seen = []  # of each epoch
    for epoch in range(3):
        method.on_train_epoch_start()
        seen.append([])
        for step in range(2):
            z, y = unit(6, 4, seed=10 * epoch + step), torch.arange(6) % 3
            method.see(z, y)
            seen[-1] += zip(z.numpy(), y.tolist(), strict=True)
            kept = [pair for one in seen[-2:] for pair in one]
            expected = start.numpy().copy()
            for c in range(3):
                expected[c] = np.mean([row for row, label in kept if label == c], 0)
            np.testing.assert_allclose(method.means(), expected, rtol=1e-6, atol=1e-7)
    other = build("probabilistic_contrastive", seed=1, dim=4)
    other.load_state_dict(method.state_dict())
    assert torch.equal(other.means(), method.means())


def test_the_loss_is_its_terms_and_each_view_is_in_the_means_before_its_own():
    method, given = build("probabilistic_contrastive", alpha=0.6, dim=8), views()
    target = given.target.tolist()
    first, *others = given.image.unbind(1)
    likely = log_softmax(method(first).detach().double().numpy() + np.log(PI))
    expected = -np.mean([row[y] for row, y in zip(likely, target, strict=True)])
    kept = []
    for image in others:
        z = method.projection(method.features(image)).detach().double()
        kept += zip(z.numpy(), target, strict=True)
        mean = np.stack([np.mean([row for row, y in kept if y == c], 0) for c in range(7)])
        logits = contrast_logits(z, torch.tensor(mean), 0.1).numpy()
        likely = log_softmax(logits - logits.max(1, keepdims=True) + np.log(PI))
        expected -= 0.3 * np.mean([row[y] for row, y in zip(likely, target, strict=True)])
    loss = method.loss(given)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    loss.backward()
    assert method.projection.layers[0].weight.grad.abs().sum() > 0
    assert not method.sums.requires_grad
    assert method.amounts[1].tolist() == [4, 2, 2, 2, 2, 2, 2]


def test_without_contrast_it_is_balanced_softmax_by_cosines():
    method, given = build("probabilistic_contrastive", alpha=0.0), views()
    plain = F.cross_entropy(method(given.image[:, 0]) + COUNTS.log(), given.target)
    torch.testing.assert_close(method.loss(given), plain)
    assert build("probabilistic_contrastive").loss(given) > plain + 0.1
    asked = method.request(method.stages[0])
    assert (asked.views, asked.sampler) == (3, "instance")
    defaults = build("probabilistic_contrastive")
    assert (defaults.tau, defaults.alpha, defaults.sums.shape[-1]) == (0.1, 1.0, 128)


@pytest.mark.parametrize("wrong", [{"tau": 0.0}, {"alpha": -1.0}, {"dim": 0}, {"dim": 7}])
def test_bad_arguments(wrong):
    with pytest.raises(MedtailError, match=f"{next(iter(wrong))} must be"):
        build("probabilistic_contrastive", **wrong)
