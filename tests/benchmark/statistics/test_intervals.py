"""Intervals against independent computations, and their limits and directions."""

import time

import numpy as np
import pytest
from scipy import stats as reference
from sklearn.metrics import average_precision_score, f1_score, recall_score, roc_auc_score

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.statistics import intervals
from medtail.datamodules.core.errors import MedtailError


def predictions(samples=300, classes=4, skill=1.0, seed=0, groups=120, same=0) -> Predictions:
    """Random predictions; ``same`` seeds targets and groups, ``seed`` the scores."""
    rng = np.random.default_rng(same)
    of = rng.integers(0, groups, samples)
    target = (of % classes).astype(np.int64)  # a group has one class
    logits = np.random.default_rng(seed).normal(size=(samples, classes))
    logits[np.arange(samples), target] += skill
    logits = np.round(logits, 1)  # ties
    ids = np.array([f"i{n}" for n in range(samples)])
    return Predictions.of(ids, np.array([f"g{g}" for g in of]), target, logits)


def test_metrics_under_weights_are_those_of_scikit_learn():
    given = predictions()
    weights = intervals.group_weights(given.target, given.group, 5, 3)
    recalls, aucs = intervals.recalls(given, weights), intervals.aucs(given, weights)
    for r, weight in enumerate(weights):
        expected = recall_score(
            given.target, given.probabilities.argmax(1), average=None, sample_weight=weight
        )
        np.testing.assert_allclose(recalls[r], expected, rtol=1e-6)
        for k in range(4):
            auc = roc_auc_score(given.target == k, given.probabilities[:, k], sample_weight=weight)
            np.testing.assert_allclose(aucs[r, k], auc, rtol=1e-5)


def test_f1_and_average_precision_under_weights_are_those_of_scikit_learn():
    given = predictions()
    weights = intervals.group_weights(given.target, given.group, 5, 3)
    f1 = intervals.f1_scores(given, weights)
    for k in range(4):
        positive, score = given.target == k, given.probabilities[:, k]
        found = intervals.average_precision(score, positive, weights.T)
        for r, weight in enumerate(weights):
            expected = average_precision_score(positive, score, sample_weight=weight)
            assert found[r] == pytest.approx(expected, rel=1e-6)
            chosen = given.probabilities.argmax(1) == k
            assert f1[r, k] == pytest.approx(f1_score(positive, chosen, sample_weight=weight))
    none = intervals.average_precision(score, np.zeros(300, bool), weights.T)
    assert np.isnan(none).all()


def test_weights_draw_whole_groups_and_keep_each_class():
    given = predictions()
    weights = intervals.group_weights(given.target, given.group, 200, 0)
    for name in np.unique(given.group)[:20]:
        assert np.ptp(weights[:, given.group == name], axis=1).max() == 0
    _, first = np.unique(given.group, return_index=True)
    for c in range(4):
        members = first[given.target[first] == c]
        assert (weights[:, members].sum(1) == len(members)).all()
    assert abs(weights.mean() - 1) < 0.02


def test_an_absent_class_is_left_out():
    given = predictions(classes=3)
    few = given.target != 2
    part = Predictions(given.id[few], given.group[few], given.target[few], given.logits[few])
    weights = np.ones((1, few.sum()), np.float32)
    assert np.isnan(intervals.recalls(part, weights)[0]).tolist() == [False, False, True]
    assert np.isnan(intervals.aucs(part, weights)[0]).tolist() == [False, False, True]
    assert np.isfinite(intervals.macro_auc(part, weights)).all()


def test_the_interval_of_an_accuracy_is_about_the_textbook_one():
    """One class each, every sample its own group: the binomial's standard error."""
    rng = np.random.default_rng(0)
    samples = 400
    target = np.arange(samples) % 2
    right = rng.random(samples) < 0.8
    logits = np.eye(2)[np.where(right, target, 1 - target)] * 4
    ids = np.array([f"i{n}" for n in range(samples)])
    given = Predictions.of(ids, ids, target, logits)
    found = intervals.estimate({0: given}, intervals.balanced_accuracy)
    p = [right[target == c].mean() for c in (0, 1)]
    error = np.sqrt(sum(q * (1 - q) / (samples / 2) for q in p)) / 2
    assert found.mean == pytest.approx(np.mean(p))
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_a_method_does_not_differ_from_itself():
    runs = {s: predictions(seed=s) for s in range(3)}
    found = intervals.difference(runs, runs, intervals.macro_auc, 200)
    assert (found.mean, found.low, found.high) == (0, 0, 0)
    assert not found.excludes_zero


def test_a_better_method_is_seen_and_a_single_seed_is_surer_than_it_should_be():
    good = {s: predictions(skill=2.0, seed=s) for s in range(3)}
    bad = {s: predictions(skill=0.5, seed=100 + s) for s in range(3)}
    found = intervals.difference(good, bad, intervals.balanced_accuracy)
    assert found.low > 0
    other = intervals.difference(bad, good, intervals.balanced_accuracy)
    assert (other.low, other.high) == pytest.approx((-found.high, -found.low))
    # Seeds that disagree widen the interval.
    mixed = {0: good[0], 1: bad[0]}
    wide = intervals.estimate(mixed, intervals.balanced_accuracy)
    narrow = intervals.estimate({0: good[0]}, intervals.balanced_accuracy)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_pairing_makes_the_interval_of_a_difference_narrow():
    base = predictions(skill=1.0)
    logits = base.logits.astype(float)
    wrong = np.flatnonzero(base.probabilities.argmax(1) != base.target)[:10]
    logits[wrong, base.target[wrong]] += 20
    better = Predictions.of(base.id, base.group, base.target, logits)
    paired = intervals.difference({0: better}, {0: base}, intervals.balanced_accuracy)
    alone = intervals.estimate({0: base}, intervals.balanced_accuracy)
    assert paired.excludes_zero
    assert paired.high - paired.low < 0.6 * (alone.high - alone.low)


def test_groups_that_agree_widen_the_interval():
    """Ten photographs of a lesion are not ten lesions."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(40), 10)
    right = np.repeat(rng.random(40) < 0.7, 10)
    target = of % 2
    logits = np.eye(2)[np.where(right, target, 1 - target)] * 4
    ids = np.array([f"i{n}" for n in range(400)])
    apart, together = (
        intervals.estimate(
            {0: Predictions.of(ids, group, target, logits)}, intervals.balanced_accuracy
        )
        for group in (ids, of.astype(str))
    )
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_the_same_bootstrap_gives_the_same_numbers():
    runs = {0: predictions()}
    once, again, other = (
        intervals.estimate(runs, intervals.macro_auc, 100, seed) for seed in (0, 0, 1)
    )
    assert once == again != other


def test_comparisons_that_cannot_be_made_are_refused():
    with pytest.raises(MedtailError, match="no seed that both"):
        intervals.difference({0: predictions()}, {1: predictions()}, intervals.macro_auc)
    other = predictions(samples=299)
    with pytest.raises(MedtailError, match="different samples"):
        intervals.difference({0: predictions()}, {0: other}, intervals.macro_auc)


def test_the_interval_over_units_is_about_the_textbook_one():
    values = np.random.default_rng(0).normal(0.5, 1.0, (1, 600))
    found = intervals.over_units(values)
    half = 1.96 * values.std() / 600**0.5
    assert found.mean == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.1)
    shifted = np.concatenate([values - 2, values + 2])  # seeds that disagree
    wide = intervals.over_units(shifted)
    assert wide.high - wide.low > 3.9


def test_the_interval_over_seeds_is_students():
    values = np.array([0.1, 0.3, 0.2, 0.25])
    found = intervals.over_seeds(values)
    expected = reference.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    alone = intervals.over_seeds(values[:1])
    assert (alone.low, alone.high) == (-np.inf, np.inf)


def test_two_thousand_replicates_take_about_a_second():
    given = predictions(samples=2000, classes=7, groups=1500)
    weights = intervals.group_weights(given.target, given.group, 2000, 0)
    started = time.process_time()
    intervals.macro_auc(given, weights), intervals.balanced_accuracy(given, weights)
    assert time.process_time() - started < 4  # about 1 s on an idle core; CI's may be slow


def test_drawing_three_seeds_has_the_variance_of_their_mean():
    """Three draws of three seeds would have two thirds of it."""
    values = np.random.default_rng(5).normal(size=3)
    found = intervals.draw_seeds(np.repeat(values[:, None], 200_000, axis=1))
    assert found.var() == pytest.approx(values.var(ddof=1) / 3, rel=0.02)
    assert found.mean() == pytest.approx(values.mean(), abs=0.01)
