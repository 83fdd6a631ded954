"""Calibration errors against numbers worked out by hand."""

import numpy as np
import pytest

from medtail.benchmark.metrics.long_tail import score
from tests.benchmark.metrics.draws import of_probabilities, predictions


def test_calibration_by_hand():
    # Two samples of confidence 0.9 (one right) and two of 0.6 (both right): gaps 0.4 and 0.4.
    rows = [[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]]
    got = score(of_probabilities([0, 1, 0, 1], rows), None, (2, 2), ordinal=False)
    assert got["ece"] == pytest.approx(0.4, abs=1e-3)
    assert got["brier"] == pytest.approx((0.02 + 1.62 + 0.32 + 0.32) / 4, abs=2e-3)
    assert got["nll"] == pytest.approx(-np.log([0.9, 0.1, 0.6, 0.6]).mean(), abs=1e-3)
    sure = score(predictions([0, 0, 1, 0], [[50, 0], [50, 0], [0, 50], [0, 50]]), None, (2, 2), 0)
    assert sure["ece"] == pytest.approx(0.25, abs=1e-6)


def test_calibration_under_the_balanced_prior():
    # Three samples of class 0 weigh a third each: the one wrong of class 1 now counts a half.
    rows = [[0.9, 0.1]] * 4
    got = score(of_probabilities([0, 0, 0, 1], rows), None, (2, 2), False, "balanced")
    assert got["ece"] == pytest.approx(0.4, abs=1e-3)
    assert got["nll"] == pytest.approx(-(np.log(0.9) + np.log(0.1)) / 2, abs=1e-3)


def test_bins_of_very_small_confidence_are_apart():
    """30 classes: 40 images of 1/30 (none right), 20 of 0.1 (all right), in the first two bins."""
    low, high = np.full(30, 1 / 30), np.full(30, 0.9 / 29)
    low[0] += 1e-3
    high[0] = 0.1
    rows = np.array([low] * 40 + [high] * 20)
    got = score(of_probabilities([1] * 40 + [0] * 20, rows), None, [2] * 30, ordinal=False)
    assert got["ece"] == pytest.approx((40 * 0.0343 + 20 * 0.9) / 60, abs=2e-3)
