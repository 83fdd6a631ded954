"""One temperature: the minimum of its definition, a known one, limits, and what draws do to it."""

import numpy as np
import pytest
from scipy.optimize import minimize

from medtail.benchmark.decisions.temperature import fitted, refitted, scaled
from medtail.benchmark.metrics.calibration import calibration
from medtail.benchmark.statistics.intervals import group_weights
from tests.benchmark.decisions.made import made

MANY = (20000, 6000, 3000)


def loss(given, temperature, weight=None):
    """Negative log-likelihood, one sample after another."""
    total = 0.0
    weight = np.ones(len(given.id)) if weight is None else weight
    for z, k, w in zip(given.logits.astype(float) / temperature, given.target, weight, strict=True):
        total += w * (np.log(np.exp(z - z.max()).sum()) + z.max() - z[k])
    return total / weight.sum()


@pytest.mark.parametrize("sharpness", [0.4, 1.0, 3.0])
def test_it_is_the_minimum_of_its_definition(sharpness):
    given = made(0, sharpness=sharpness)
    reference = minimize(lambda x: loss(given, np.exp(x[0])), [0.0], method="L-BFGS-B")
    assert fitted(given) == pytest.approx(float(np.exp(reference.x[0])), rel=1e-3)
    assert loss(given, fitted(given)) <= reference.fun + 1e-9


def test_a_known_temperature_comes_back():
    assert fitted(made(0, MANY)) == pytest.approx(1, abs=0.05)
    assert fitted(made(0, MANY, sharpness=3)) == pytest.approx(3, rel=0.05)
    assert fitted(made(0, MANY, sharpness=0.5)) == pytest.approx(0.5, rel=0.05)


def test_it_keeps_decisions_and_is_nothing_at_one():
    given = made(0, sharpness=3)
    same = scaled(given, 1.0).probabilities
    assert same == pytest.approx(given.probabilities, abs=1e-12)
    warm = scaled(given, 2.5)
    assert (warm.probabilities.argmax(1) == given.probabilities.argmax(1)).all()
    assert warm.probabilities.max(1).mean() < given.probabilities.max(1).mean()


def test_overconfidence_is_cured():
    given, one = made(5, sharpness=3), np.ones(sum((400, 120, 60)))
    after = scaled(given, fitted(made(6, sharpness=3)))
    before, cured = (calibration(p, p.probabilities, one) for p in (given, after))
    for name in ("nll", "brier", "ece"):
        assert cured[name] < before[name]


def test_certain_and_right_is_no_accident():
    given = made(0)
    sure = given.of(given.id, given.group, given.target, 50.0 * np.eye(3)[given.target])
    assert 0 < fitted(sure) < 1
    after = scaled(sure, fitted(sure))
    assert np.isfinite(calibration(after, after.probabilities, np.ones(len(given.id)))["nll"])


def test_a_draw_has_its_own_temperature():
    given = made(0, sharpness=2)
    weights = group_weights(given.target, given.group, 40, 0)
    drawn = refitted(given, fitted(given), weights)
    for t, w in list(zip(drawn, weights, strict=True))[:5]:
        exact = minimize(lambda x, w=w: loss(given, np.exp(x[0]), w), [0.0], method="L-BFGS-B")
        assert t == pytest.approx(float(np.exp(exact.x[0])), rel=0.02)
    assert drawn.std() > 0.01
    same = refitted(given, fitted(given), np.ones((1, len(given.id)), np.float32))
    assert same[0] == pytest.approx(fitted(given), rel=1e-4)
