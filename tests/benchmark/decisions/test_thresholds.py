"""Specificity at a sensitivity: by counting, limits, directions, and thresholds of draws."""

import numpy as np
import pytest

from medtail.benchmark.decisions.threshold_table import thresholds
from medtail.benchmark.decisions.thresholds import at_sensitivity, reached, score_of
from medtail.benchmark.statistics.intervals import group_weights
from tests.benchmark.decisions.made import made


def counted(score, wanted):
    """The highest score that at least so large a share of the scores is not below."""
    kept = [t for t in score if np.mean(score >= t) >= wanted - 1e-12]
    return max(kept)


@pytest.mark.parametrize("amount", [1, 7, 19, 20, 21, 112])
@pytest.mark.parametrize("wanted", [0.9, 0.95])
def test_the_threshold_is_the_highest_that_finds_enough(amount, wanted):
    score = np.random.default_rng(amount).random(amount).round(2)  # with ties
    found = at_sensitivity(score, np.ones((1, amount), np.float32), wanted)
    assert found.tolist() == [counted(score, wanted)]


def test_a_draw_is_the_scores_it_draws():
    score = np.random.default_rng(0).random(30)
    weights = np.random.default_rng(1).multinomial(30, np.full(30, 1 / 30), 20).astype(np.float32)
    found = at_sensitivity(score, weights, 0.9)
    drawn = [counted(np.repeat(score, w.astype(int)), 0.9) for w in weights]
    assert found.tolist() == drawn


def test_what_is_reached_is_counted():
    given = made(0)
    score, positive = score_of(given.probabilities, [1, 2]), given.target > 0
    assert score == pytest.approx(1 - given.probabilities[:, 0])
    one = np.ones((1, len(score)), np.float32)
    found = reached(score, positive, one, np.array([0.3]))
    assert found.sensitivity[0] == pytest.approx((score[positive] >= 0.3).mean())
    assert found.specificity[0] == pytest.approx((score[~positive] < 0.3).mean())


def test_a_draw_of_the_test_is_what_it_draws():
    given = made(0)
    score, positive = given.probabilities[:, 1], given.target == 1
    weights = group_weights(given.target, given.group, 5, 0)
    found = reached(score, positive, weights, np.full(5, 0.2))
    for r, w in enumerate(weights.astype(int)):
        drawn, kind = np.repeat(score, w), np.repeat(positive, w)
        assert found.sensitivity[r] == pytest.approx((drawn[kind] >= 0.2).mean())
        assert found.specificity[r] == pytest.approx((drawn[~kind] < 0.2).mean())


def test_limits_and_direction():
    given = made(0)
    score, positive = given.probabilities[:, 0], given.target == 0
    one = np.ones((1, positive.sum()), np.float32)
    all_found = at_sensitivity(score[positive], one, 1.0)
    assert all_found[0] == score[positive].min()
    loose, strict = (at_sensitivity(score[positive], one, s)[0] for s in (0.9, 0.95))
    assert strict < loose
    whole = np.ones((1, len(score)), np.float32)
    low, high = (reached(score, positive, whole, np.array([t])) for t in (strict, loose))
    assert low.specificity < high.specificity
    assert low.sensitivity > high.sensitivity
    perfect = reached(positive.astype(float), positive, whole, np.array([1.0]))
    assert perfect.specificity == perfect.sensitivity == 1


def test_thresholds_come_of_validation_and_its_draws():
    held = made(1)
    drawn = group_weights(held.target, held.group, 50, 1)
    found = thresholds(held, [1], 0.95, drawn)
    mine = held.probabilities[held.target == 1, 1]
    assert found[0] == counted(mine, 0.95)
    assert len(found) == 51
    assert len(set(found.tolist())) > 3
