"""ROC and precision-recall curves against scikit-learn, at their limits and in their direction."""

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from medtail.benchmark.metrics.score_curves import FALSE_POSITIVE_RATES, RECALLS, precision, roc


def some(seed, n=400, share=0.15, steps=None):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < share
    score = rng.normal(size=n) + positive
    return (np.round(score * steps) / steps if steps else score), positive


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("steps", [None, 2])
def test_curves_are_those_of_scikit_learn(seed, steps):
    score, positive = some(seed, steps=steps)
    wrong, found, _ = roc_curve(positive, score, drop_intermediate=False)
    for rate, recall in zip(FALSE_POSITIVE_RATES, roc(score, positive), strict=True):
        # The highest point at this rate, or the line between its neighbours.
        expected = found[wrong == rate].max() if rate in wrong else np.interp(rate, wrong, found)
        assert recall == pytest.approx(expected), rate
    shares, recalls, _ = precision_recall_curve(positive, score)
    for recall, share in zip(RECALLS, precision(score, positive), strict=True):
        first = np.flatnonzero(recalls >= recall - 1e-12)[-1]  # of the highest threshold
        assert share == pytest.approx(shares[first]), recall


def test_the_areas_are_auc_and_average_precision():
    score, positive = some(9, 20_000)
    area = np.trapezoid(roc(score, positive), FALSE_POSITIVE_RATES)
    assert area == pytest.approx(roc_auc_score(positive, score), abs=2e-3)
    mean = precision(score, positive).mean()
    assert mean == pytest.approx(average_precision_score(positive, score), abs=1e-2)


def test_a_perfect_score_and_one_that_says_nothing():
    positive = np.arange(40) < 10
    assert (roc(positive * 1.0, positive) == 1).all()
    assert (precision(positive * 1.0, positive) == 1).all()
    constant = np.zeros(40)
    assert roc(constant, positive) == pytest.approx(FALSE_POSITIVE_RATES)
    assert precision(constant, positive) == pytest.approx(np.full(50, 0.25))


def test_a_better_score_lies_above():
    rng = np.random.default_rng(1)
    positive = rng.random(3000) < 0.1
    noise = rng.normal(size=3000)
    for curve in (roc, precision):
        better, worse = (curve(noise + d * positive, positive) for d in (2, 0.5))
        assert (better >= worse).all()
        assert better.mean() > worse.mean() + 0.1


def test_without_one_of_both_there_is_no_curve():
    score = np.arange(4.0)
    for positive in (np.zeros(4, bool), np.ones(4, bool)):
        assert roc(score, positive) is None
    assert precision(score, np.zeros(4, bool)) is None
    assert (precision(score, np.ones(4, bool)) == 1).all()


def test_a_curve_has_at_most_64_points():
    assert len(FALSE_POSITIVE_RATES) <= 64
    assert len(RECALLS) <= 64
    assert (FALSE_POSITIVE_RATES[0], FALSE_POSITIVE_RATES[-1], RECALLS[-1]) == (0, 1, 1)
