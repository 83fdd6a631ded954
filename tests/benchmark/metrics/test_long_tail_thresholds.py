"""Thresholds come from validation and keep the specificity that was asked for."""

import numpy as np
import pytest

from medtail.benchmark.metrics.long_tail import score, threshold_at
from tests.benchmark.metrics.draws import draw, of_probabilities


def test_threshold_by_hand():
    twenty = np.arange(1.0, 21)
    assert threshold_at(twenty, np.ones(20), 0.95) == 19
    assert threshold_at(twenty[:19], np.ones(19), 0.95) == 19
    assert threshold_at(np.full(5, 0.3), np.ones(5), 0.95) == 0.3
    assert threshold_at(np.array([1.0, 2]), np.array([19.0, 1]), 0.95) == 1


def test_sensitivity_takes_its_threshold_from_validation():
    below = np.linspace(0.01, 0.40, 20)
    val = of_probabilities([1] * 20 + [0], [[p, 1 - p] for p in [*below, 0.9]])
    cut = below[18]
    test = of_probabilities(
        [0, 0, 0, 0, 1, 1], [[p, 1 - p] for p in (0.9, 0.5, cut + 0.01, cut - 0.01, 0.8, 0.1)]
    )
    got = score(test, val, (20, 20), ordinal=False)
    assert got["sensitivity_at_95_specificity_per_class"][0] == 3 / 4
    # Class 1: its only validation negative scores 0.1, so above 0.1 counts: 0.2 no, 0.9 yes.
    assert got["sensitivity_at_95_specificity_per_class"][1] == 2 / 2
    assert got["sensitivity_at_95_specificity"] == 7 / 8
    assert got["achieved_specificity"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    without = score(test, None, (20, 20), ordinal=False)
    assert without["sensitivity_at_95_specificity"] is None
    assert without["sensitivity_at_95_specificity_per_class"] == [None, None]


@pytest.mark.parametrize("prior", ["natural", "balanced"])
def test_the_threshold_keeps_95_percent_of_validation(prior):
    val = draw(5, n=300)
    got = score(val, val, [5] * 5, ordinal=False, prior=prior)
    assert 0.95 <= got["achieved_specificity"] < 0.97
