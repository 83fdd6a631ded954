"""Fitted operating points: against scikit-learn's logistic regression, limits, directions."""

import numpy as np
import pytest
from scipy.optimize import minimize

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics import operating_point
from medtail.benchmark.metrics.long_tail import score
from medtail.benchmark.statistics.intervals import group_weights

COUNTS = (300, 80, 20)


def made(counts=COUNTS, seed=0, shift=(0.0, 0.0, 0.0), scale=1.0, skill=1.5):
    rng = np.random.default_rng(seed)
    target = np.repeat(np.arange(len(counts)), counts)
    logits = skill * np.eye(len(counts))[target] + rng.normal(size=(len(target), len(counts)))
    ids = np.array([f"i{n:04d}" for n in range(len(target))])
    return Predictions.of(ids, ids, target, scale * logits + np.array(shift))


def objective(given, penalty):
    """The loss as the module's first lines say it, one sample after another."""
    z = given.logits.astype(float)
    classes = z.shape[1]

    def loss(point):
        total = 0.0
        for k in range(classes):
            mine = z[given.target == k] * point[0] + point[1:]
            nll = np.log(np.exp(mine).sum(1)) - mine[:, k]
            total += nll.mean() / classes
        return total + penalty / 2 * ((point[0] - 1) ** 2 + (point[1:] ** 2).sum())

    return loss


@pytest.mark.parametrize("ridge", [0.3, 30.0])
def test_the_fit_is_the_minimum_of_its_definition(ridge):
    given = made(shift=(2.0, 0.0, -1.0), scale=2.0)
    counts = np.array(COUNTS)
    penalty = ridge * (1 / counts).sum() / 9
    loss = objective(given, penalty)
    found = operating_point.fitted(given, ridge)
    reference = minimize(loss, np.array([1.0, 0, 0, 0]), method="BFGS", options={"gtol": 1e-9})
    assert found == pytest.approx(reference.x, abs=1e-5)
    assert loss(found) <= loss(reference.x) + 1e-12


def test_a_log_prior_and_a_temperature_are_undone():
    """A network that is right but for its prior and scale gets both back."""
    skewed = made((4000, 4000, 4000), shift=(3.0, 1.0, -2.0), scale=2.5)
    plain = operating_point.fitted(made((4000, 4000, 4000)))
    point = operating_point.fitted(skewed)
    assert point[0] == pytest.approx(plain[0] / 2.5, rel=0.02)
    moved = point[1:] + point[0] * np.array([3.0, 1.0, -2.0])
    assert np.ptp(moved - plain[1:]) < 0.1


def test_the_recalls_of_the_plain_point_are_the_plain_recalls():
    given = made()
    one = np.ones((1, len(given.id)), np.float32)
    plain = operating_point.recalls(given, np.array([[1.0, 0, 0, 0]]), one)[0]
    assert plain == pytest.approx(score(given, None, COUNTS, ordinal=False)["recall"])


def test_a_threshold_that_was_off_is_found_and_a_good_one_stays():
    val, test = made(shift=(4.0, 0.0, -2.0)), made((500, 500, 500), 1, shift=(4.0, 0.0, -2.0))
    found = score(test, val, COUNTS, ordinal=False)
    assert found["fitted_balanced_accuracy"] > found["balanced_accuracy"] + 0.2
    assert found["fitted_balanced_accuracy"] == pytest.approx(np.mean(found["fitted_recall"]))
    val, test = made((400, 400, 400)), made((500, 500, 500), 1)
    found = score(test, val, COUNTS, ordinal=False)
    assert found["fitted_balanced_accuracy"] == pytest.approx(found["balanced_accuracy"], abs=0.01)
    alone = score(test, None, COUNTS, ordinal=False)
    assert alone["fitted_balanced_accuracy"] is None
    assert alone["fitted_recall"] == [None] * 3


def test_a_strong_ridge_keeps_the_networks_own_decisions():
    given = made(shift=(3.0, 0.0, -3.0))
    weak, strong = (operating_point.fitted(given, ridge) for ridge in (0.3, 1e9))
    assert strong == pytest.approx([1, 0, 0, 0], abs=1e-4)
    assert np.ptp(weak[1:]) > 2


def test_fewer_images_of_a_class_pull_harder_to_the_network():
    shift = (3.0, 0.0, -3.0)
    few, many = (
        np.mean([np.ptp(operating_point.fitted(made(c, s, shift))[1:]) for s in range(20)])
        for c in ((30, 8, 2), (3000, 800, 200))
    )
    assert few < many


def test_a_class_without_validation_images_is_in_the_middle_of_the_others():
    given = made((100, 50, 0), shift=(1.0, 0.0, 0.0))
    point = operating_point.fitted(given)
    assert point[3] == 0 == pytest.approx(point[1:3].mean(), abs=1e-9)
    assert np.isfinite(point).all()


def test_a_step_is_about_the_fit_of_the_draw():
    """Against the full fit of the samples that a draw has, repeated as often."""
    given = made((400, 120, 40), shift=(1.0, 0.0, -1.0))
    weights = group_weights(given.target, given.group, 30, 1)
    point = operating_point.fitted(given)
    found = operating_point.refitted(given, point, weights)
    assert operating_point.refitted(given, point, np.ones((1, len(given.id))))[0] == pytest.approx(
        point, abs=1e-7
    )
    for step, weight in zip(found, weights, strict=True):
        rows = np.repeat(np.arange(len(given.id)), weight.astype(int))
        parts = (given.id[rows], given.group[rows], given.target[rows], given.logits[rows])
        assert step == pytest.approx(operating_point.fitted(Predictions(*parts)), abs=0.05)
    assert found.std(0).min() > 0.02
