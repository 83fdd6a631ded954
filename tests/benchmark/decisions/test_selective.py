"""Refusals: an independent transcription, limits, directions, ties, classes that vanish."""

import numpy as np
import pytest

from medtail.benchmark.decisions.selective import (
    answered,
    balanced_curve,
    balanced_risk,
    risks,
    selective,
)
from tests.benchmark.decisions.made import made


def test_risks_are_errors_among_the_most_confident():
    rng = np.random.default_rng(0)
    confidence, wrong = rng.permutation(50) / 50, rng.random(50) < 0.3
    ranked = wrong[np.argsort(-confidence)]
    by_hand = [sum(ranked[:n]) / n for n in range(1, 51)]
    assert risks(confidence, wrong) == pytest.approx(by_hand)


def test_limits():
    wrong = np.array([True] * 25 + [False] * 75)
    perfect = risks(np.arange(100) / 100, wrong)
    # Geifman, Uziel, El-Yaniv 2019: the best AURC of a risk r is r + (1 - r) ln(1 - r), N large.
    assert perfect.mean() == pytest.approx(0.25 + 0.75 * np.log(0.75), abs=0.002)
    blind = risks(np.ones(100), wrong)
    assert blind == pytest.approx(np.full(100, 0.25))
    worst = risks(-np.arange(100) / 100, wrong)
    assert worst.mean() > blind.mean() > perfect.mean()
    assert worst[-1] == perfect[-1] == 0.25


def test_tied_samples_are_answered_together():
    confidence = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
    assert answered(confidence, 0.4).tolist() == [True, True, True, True, False]
    assert answered(confidence, 0.2).tolist() == [True, False, False, False, False]
    assert answered(confidence, 1.0).all()
    assert answered(np.arange(10) / 10, 0.8).sum() == 8


def test_balanced_risk_by_hand_and_of_a_class_that_nobody_answers():
    target = np.array([0, 0, 0, 0, 1, 1, 2])
    wrong = np.array([0, 0, 0, 1, 1, 0, 0], bool)
    every = np.ones(7, bool)
    assert balanced_risk(target, wrong, every, 4) == pytest.approx((1 / 4 + 1 / 2 + 0) / 3)
    kept = np.array([1, 1, 0, 0, 0, 1, 0], bool)
    assert balanced_risk(target, wrong, kept, 4) == pytest.approx((0 + 0 + 1) / 3)


def test_of_a_test_it_is_one_less_recall():
    given = made(0)
    found = selective(given.probabilities, given.target, [1, 2])
    recall = [(given.probabilities.argmax(1) == k)[given.target == k].mean() for k in range(3)]
    assert found.balanced == pytest.approx(1 - np.mean(recall))
    assert found.risk == pytest.approx((given.probabilities.argmax(1) != given.target).mean())
    assert found.aurc < found.risk
    assert found.balanced_covered < found.balanced
    confidence = given.probabilities.max(1)
    kept = confidence >= np.quantile(confidence, 0.2)
    assert found.tail_answered == pytest.approx(kept[given.target > 0].mean(), abs=0.01)
    assert found.tail_answered < 0.8
    assert np.isnan(selective(given.probabilities, given.target, []).tail_answered)


def test_the_curve_has_the_numbers_of_the_table():
    given = made(0)
    found = selective(given.probabilities, given.target, [2])
    drawn = balanced_curve(given.probabilities, given.target, [0.8, 1.0])
    assert drawn == pytest.approx([found.balanced_covered, found.balanced])
