"""GANomaly: its losses in NumPy, whose gradient goes where, and its score."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.benchmark.tracks.optimizers import own_optimizers
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.ganomaly import discriminator_loss, distance, generator_loss
from tests.methods.one_class import SPEC, batch, build, step, trained

SIDE = ("discriminator.", "verdict.")


def gradients(method):
    return {k: p.grad.clone() for k, p in method.named_parameters() if p.grad is not None}


def test_formulas_by_hand():
    sigmoid = [1 / (1 + math.exp(-v)) for v in (0.3, -1.2)]
    found = discriminator_loss(torch.tensor([0.3]), torch.tensor([-1.2])).item()
    assert found == pytest.approx(-math.log(sigmoid[0]) - math.log(1 - sigmoid[1]))
    assert generator_loss(*map(torch.tensor, (0.5, 0.2, 3.0))).item() == pytest.approx(13.5)
    a, b = torch.randn(2, 5), torch.randn(2, 5)
    np.testing.assert_allclose(distance(a, b), ((a - b).numpy() ** 2).mean(1), rtol=1e-5)


@pytest.mark.parametrize("adversarial", ["features", "bce"])
def test_the_loss_is_the_cards(adversarial):
    method = build("ganomaly", adversarial=adversarial).eval().double()
    image = batch(SPEC, 0).image.double()
    with torch.no_grad():
        z = method.code(method.backbone(image))
        made = method.decoder(z)
        again = method.code_again(method.again(made))
        f, g = method.discriminator(image), method.discriminator(made)
        d, e = (torch.sigmoid(method.verdict(one))[:, 0].numpy() for one in (f, g))
        matched = ((f - g).numpy() ** 2).mean()
        a = matched if adversarial == "features" else -np.log(e).mean()
        c = np.abs((image - made).numpy()).mean()
        v = ((z - again).numpy() ** 2).mean()
        expected = a + 50 * c + v - np.log(d).mean() - np.log(1 - e).mean()
        assert method.given_loss(image).item() == pytest.approx(expected, rel=1e-6)
        np.testing.assert_allclose(
            method.abnormality(image), ((z - again).numpy() ** 2).mean(1), rtol=1e-6
        )


@pytest.mark.parametrize("adversarial", ["features", "bce"])
def test_each_side_gets_its_own_gradient(adversarial):
    """As of two optimisers: that of L_D alone, and that of L_G alone."""
    method = build("ganomaly", adversarial=adversarial).eval()
    image = batch(SPEC, 0).image
    method.given_loss(image).backward()
    both = gradients(method)
    for side in (True, False):
        method.zero_grad(set_to_none=True)
        code, made, again = method.coded_twice(image)
        f, real = method.judged(image)
        g, fake = method.judged(made)
        if side:
            f, real = method.judged(image)
            _, fake = method.judged(made.detach())
            loss = (F.softplus(-real) + F.softplus(fake)).mean()
        else:
            a = (f.detach() - g).square().mean(1)
            a = a if adversarial == "features" else F.softplus(-fake)
            loss = (a + 50 * (made - image).abs().mean((1, 2, 3)) + distance(code, again)).mean()
        loss.backward()
        mine = {k: v for k, v in gradients(method).items() if k.startswith(SIDE) is side}
        assert mine
        for key, value in mine.items():
            torch.testing.assert_close(both[key], value, rtol=1e-3, atol=1e-6, msg=key)
        assert max(float(value.abs().max()) for value in mine.values()) > 1e-5


def test_the_generator_hears_the_discriminator():
    """Without the adversarial term its gradient is another one."""
    method, image = build("ganomaly").eval(), batch(SPEC, 0).image
    method.given_loss(image).backward()
    whole = method.decoder.last.weight.grad.clone()
    method.zero_grad()
    code, made, again = method.coded_twice(image)
    (50 * (made - image).abs().mean((1, 2, 3)) + distance(code, again)).mean().backward()
    assert not torch.allclose(whole, method.decoder.last.weight.grad, rtol=1e-4, atol=1e-8)


def test_both_codes_learn():
    method, image = build("ganomaly"), batch(SPEC, 0).image
    code, _, again = method.coded_twice(image)
    distance(code, again).mean().backward()
    assert all(getattr(method, name).weight.grad.abs().max() > 0 for name in ("code", "code_again"))


def test_the_networks_are_three():
    method = build("ganomaly")
    first, second, third = (
        next(getattr(method, name).parameters()) for name in ("backbone", "again", "discriminator")
    )
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)


def test_training_lowers_the_context_and_keeps_all_finite():
    method = build("ganomaly")
    image = torch.linspace(-1, 1, 20).expand(8, 3, 20, 20) * torch.rand(8, 3, 1, 1)
    optimizer = torch.optim.Adam(method.parameters(), 2e-3, betas=(0.5, 0.999))
    errors = []
    for _ in range(40):
        optimizer.zero_grad()
        step(method, batch(SPEC, 0)._replace(image=image)).backward()
        optimizer.step()
        with torch.no_grad():
            errors.append((method.coded_twice(image)[1] - image).abs().mean().item())
    assert errors[-1] < 0.6 * errors[0]
    assert method.eval().abnormality(image).isfinite().all()


def test_it_has_the_authors_optimiser():
    assert own_optimizers(build("ganomaly").stages[0]) == "adam lr 0.0002, momentum 0.5"
    (group, *_) = trained("ganomaly").trainer.optimizers[0].param_groups
    assert (group["betas"], group["lr"]) == ((0.5, 0.999), 0.0002)


def test_bad_arguments_are_one_line():
    with pytest.raises(MedtailError, match="unknown adversarial of ganomaly 'wgan'"):
        build("ganomaly", adversarial="wgan")
