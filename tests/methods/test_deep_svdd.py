"""Deep SVDD: losses in loops, a centre that stays, a radius that is a quantile."""

import numpy as np
import pytest
import torch

from medtail.datamodules.core.errors import MedtailError
from medtail.methods import deep_svdd
from tests.methods.test_one_class import SPEC, batch, build, step


def test_svdd_losses():
    squared, radius2, nu = torch.rand(10) * 4, torch.tensor(1.5), 0.2
    total = 1.5
    for d in squared.tolist():
        total += max(0.0, d - 1.5) / (nu * 10)
    found = deep_svdd.soft_boundary_loss(squared, radius2, nu)
    assert found.item() == pytest.approx(total, rel=1e-5)
    outputs = torch.tensor([[1.0, 0.05, -0.02], [3.0, 0.03, -0.04]])
    expected = torch.tensor([2.0, 0.1, -0.1])
    torch.testing.assert_close(deep_svdd.fixed_centre(outputs), expected)


def test_svdd_has_no_biases_and_a_centre_that_stays():
    method, first = build("deep_svdd"), batch(SPEC, 0)
    for name, value in method.named_parameters():
        if value.ndim == 1:
            assert not value.requires_grad, name
            assert (value == (0 if name.endswith("bias") else 1)).all(), name
    assert method.classifier.bias is None
    step(method, first)
    centre = method.centre.clone()
    with torch.no_grad():
        outputs = method.score(method.features(first.image))
    torch.testing.assert_close(centre, deep_svdd.fixed_centre(outputs), atol=1e-5, rtol=1e-4)
    assert (centre.abs() >= 0.0999).all()
    loss = step(method, batch(SPEC, 1))
    assert torch.equal(method.centre, centre)
    with torch.no_grad():
        outputs = method.score(method.features(batch(SPEC, 1).image))
    expected = np.mean([sum((a - b) ** 2 for a, b in zip(o, centre, strict=True)) for o in outputs])
    assert loss.item() == pytest.approx(float(expected), rel=1e-3)


def test_the_radius_is_the_quantile_after_the_warm_up():
    method = build("deep_svdd", soft_boundary=True, nu=0.25)
    step(method, batch(SPEC, 0))
    assert method.radius2 == 0
    method.trainer.fit_loop.epoch_progress.current.completed = 5
    assert method.epoch_progress == 0.5
    before = method.loss(batch(SPEC, 1, size=9))
    with torch.no_grad():
        squared = method.squared_distance(batch(SPEC, 1, size=9).image)
    assert method.radius2.item() == pytest.approx(squared.sort().values[6].item(), rel=1e-3)
    assert before.item() == pytest.approx(squared.mean().item() / 0.25, rel=1e-3), "R was still 0"
    after = method.loss(batch(SPEC, 1, size=9))
    radius2 = squared.sort().values[6]
    expected = deep_svdd.soft_boundary_loss(squared, radius2, 0.25).item()
    assert after.item() == pytest.approx(expected, rel=1e-3)
    for bad in ({"nu": 0}, {"nu": 1}, {"soft_boundary": "yes"}):
        with pytest.raises(MedtailError):
            build("deep_svdd", **bad)
