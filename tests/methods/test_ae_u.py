"""AE-U: weighed errors in loops, its limit, and what uncertainty does."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.methods import ae_u
from medtail.methods.autoencoder import reconstruction_error
from tests.methods.one_class import SPEC, batch, build, step, trained


def drawn(seed):
    return torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed))


def test_the_weighed_error_in_loops():
    rebuilt, v, image = drawn(0), drawn(1), drawn(2)
    for n, found in enumerate(ae_u.weighed_error(rebuilt, v, image).tolist()):
        terms = [
            math.exp(-s) * (x - r) ** 2
            for r, s, x in zip(*(p[n].flatten().tolist() for p in (rebuilt, v, image)), strict=True)
        ]
        assert found == pytest.approx(sum(terms) / 60, rel=1e-5)


def test_no_uncertainty_is_the_autoencoder():
    rebuilt, image = drawn(0), drawn(2)
    found = ae_u.weighed_error(rebuilt, torch.zeros_like(image), image)
    torch.testing.assert_close(found, reconstruction_error(rebuilt, image))


def test_the_loss_adds_v_and_the_score_leaves_it_out():
    method, image = build("ae_u").eval(), batch(SPEC, 0).image
    with torch.no_grad():
        both = method.decoder(F.relu(method.code(method.features(image))))
        x, v = both[:, :3].double().numpy(), both[:, 3:].double().numpy()
        errors = np.exp(-v) * (image.double().numpy() - x) ** 2
        np.testing.assert_allclose(method.abnormality(image), errors.mean((1, 2, 3)), rtol=1e-4)
        expected = (errors + v).mean()
        assert method.given_loss(image).item() == pytest.approx(expected, rel=1e-4)
    assert both.shape == (8, 6, 20, 20)
    assert abs(v).mean() > 1e-3


@pytest.mark.parametrize(("bias", "limit"), [(50.0, 10.0), (-50.0, -10.0)])
def test_v_is_cut(bias, limit):
    method, image = build("ae_u").eval(), batch(SPEC, 0).image
    with torch.no_grad():
        method.decoder.last.bias[3:] = bias
        rebuilt, v = method.rebuild(image)
        assert (v == limit).all()
        assert (rebuilt.abs() < 10).all(), "the image is not cut"
        assert method.abnormality(image).isfinite().all()


def test_uncertainty_settles_where_the_error_is():
    """At a fixed error the best v is its logarithm: larger errors, larger v, and a score of 1."""
    image, rebuilt = torch.zeros(1, 1, 1, 2), torch.tensor([[[[0.1, 3.0]]]])
    v = torch.zeros(1, 1, 1, 2, requires_grad=True)
    optimizer = torch.optim.Adam([v], 0.1)
    for _ in range(500):
        optimizer.zero_grad()
        (ae_u.weighed_error(rebuilt, v, image) + v.mean((1, 2, 3))).sum().backward()
        optimizer.step()
    torch.testing.assert_close(
        v.detach().flatten(), torch.tensor([math.log(0.01), math.log(9)]), atol=0.02, rtol=0
    )
    assert ae_u.weighed_error(rebuilt, v, image).item() == pytest.approx(1, abs=0.02)


def test_where_errors_are_always_large_they_count_less():
    """Half of each image is noise that no code can hold: v is larger there."""
    method = build("ae_u")
    optimizer = torch.optim.Adam(method.parameters(), 3e-3)
    for n in range(30):
        image = torch.zeros(8, 3, 20, 20)
        image[..., 10:] = 2 * torch.randn(8, 3, 20, 10, generator=torch.Generator().manual_seed(n))
        optimizer.zero_grad()
        loss = step(method, batch(SPEC, 0)._replace(image=image))
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        _, v = method.eval().rebuild(image)
    assert v[..., 10:].mean() > v[..., :10].mean() + 0.2


def test_its_loss_may_be_below_zero_and_its_scores_are_not():
    method = trained("ae_u")
    with torch.no_grad():
        method.decoder.last.bias[3:] = -3.0
        method.decoder.last.weight[3:] = 0
        image = method.rebuild(batch(SPEC, 0).image)[0]
        assert method.abnormality(image).min() >= 0
        loss = ae_u.weighed_error(image, torch.full_like(image, -3.0), image).mean() - 3
    assert loss == -3
