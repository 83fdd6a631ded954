"""Calibration: an independent transcription, known errors, limits, directions, a test's size."""

import itertools

import numpy as np
import pytest

from medtail.benchmark.decisions.calibration import (
    curve,
    doubt,
    equal_mass,
    error,
    expected_over_observed,
    squared_errors,
)
from tests.benchmark.decisions.made import made


def transcribed(score, positive, bins):
    """Kumar, Liang and Ma 2019, one bin after another over sorted samples."""
    pairs = sorted(zip(score.tolist(), positive.tolist(), strict=True))
    total, amount = 0.0, len(pairs)
    edges = [-(-amount * k // bins) for k in range(bins + 1)]
    for low, high in itertools.pairwise(edges):
        mine = pairs[low:high]
        p = sum(s for s, _ in mine) / len(mine)
        y = sum(t for _, t in mine) / len(mine)
        total += len(mine) / amount * ((p - y) ** 2 - y * (1 - y) / (len(mine) - 1))
    return total


def test_squared_errors_are_those_of_the_paper():
    rng = np.random.default_rng(0)
    probability = rng.dirichlet(np.ones(3), 307)  # no ties
    target = rng.integers(0, 3, 307)
    found = squared_errors(probability, target)
    for k in range(3):
        assert found[k] == pytest.approx(
            transcribed(probability[:, k], (target == k).astype(int), 15), abs=1e-12
        )


def test_bins_have_as_many_scores_each_and_ties_stay_together():
    sizes = np.bincount(equal_mass(np.random.default_rng(0).random(100), 15))
    assert len(sizes) == 15
    assert sizes.max() - sizes.min() <= 1
    tied = equal_mass(np.array([0.1] * 50 + [0.9]), 15)
    assert len(set(tied[:50].tolist())) == 1
    assert tied[50] != tied[0]


def test_a_calibrated_forecast_has_no_error_in_the_mean_and_the_plug_in_has():
    """The debiased estimate is right in the mean over test sets; without it, it is too large."""
    debiased, plug_in = [], []
    for seed in range(60):
        given = made(seed)
        probability, target = given.probabilities, given.target
        debiased.append(squared_errors(probability, target).mean())
        for k in range(3):
            place = equal_mass(probability[:, k])
            n = np.bincount(place)
            gap = np.bincount(place, probability[:, k] - (target == k)) / n
            plug_in.append((n / n.sum() * gap**2).sum())
    error_of_mean = np.std(debiased) / np.sqrt(len(debiased))
    assert abs(np.mean(debiased)) < 3 * error_of_mean
    assert np.mean(plug_in) > 20 * error_of_mean


def test_a_known_error_is_found():
    """Forecasts .2 above the truth, of one value each: the squared error is .04."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(100):
        true = rng.choice([0.1, 0.3, 0.5], 400)
        target = (rng.random(400) < true).astype(int)
        score = true + 0.2
        found.append(squared_errors(np.stack([1 - score, score], 1), target)[1])
    assert np.mean(found) == pytest.approx(0.04, abs=3 * np.std(found) / 10)


def test_error_is_a_root_mean_square_over_classes():
    squared = np.array([0.04, 0.01, -0.02])
    assert error(squared, [0]) == pytest.approx(0.2)
    assert error(squared, range(3)) == pytest.approx(0.1)
    assert error(squared, [2]) == 0
    assert np.isnan(error(squared, []))


def test_rebalanced_probabilities_expect_too_much_of_the_tail():
    fair, tilted = made(0), made(0, shift=(0.0, 0.0, 2.0))
    values = [expected_over_observed(g.probabilities, g.target, [2]) for g in (fair, tilted)]
    assert values[0] == pytest.approx(1, abs=0.3)
    assert values[1] > 2 * values[0]
    by_hand = tilted.probabilities[:, 2].sum() / (tilted.target == 2).sum()
    assert values[1] == pytest.approx(by_hand)
    assert np.isnan(expected_over_observed(fair.probabilities, fair.target, []))


def test_the_test_of_calibration_holds_its_level_with_lesions_of_two_images():
    """Both images of a group have the same label and forecast: half as many independent ones."""
    rejected = []
    for seed in range(150):
        half = made(seed, counts=(200, 60, 30))
        twice = [np.repeat(half.probabilities, 2, 0), np.repeat(half.target, 2)]
        group = np.repeat(half.id, 2)
        rejected.append(doubt(*twice, group) < 0.05)
    assert 0.005 <= np.mean(rejected) <= 0.10  # three standard errors about 5 % are 0 to 10.3


def test_the_test_of_calibration_finds_the_overconfident():
    sharp, shifted = made(0, sharpness=2.5), made(0, shift=(0.0, 0.0, 2.0))
    assert doubt(sharp.probabilities, sharp.target, sharp.group) < 0.01
    assert doubt(shifted.probabilities, shifted.target, shifted.group) < 0.01


def test_a_curve_puts_classes_together_and_keeps_every_score():
    given = made(0)
    mean, share, amount = curve(given.probabilities, given.target, [1, 2])
    assert amount.sum() == 2 * len(given.id)
    assert (mean * amount).sum() == pytest.approx(given.probabilities[:, 1:].sum())
    assert (share * amount).sum() == pytest.approx((given.target > 0).sum())
    assert (np.diff(mean) > 0).all()
