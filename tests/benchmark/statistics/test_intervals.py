"""Intervals against independent computations, and their limits and directions."""

import time

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, recall_score, roc_auc_score

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.statistics import intervals


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
    recalls, f1 = intervals.recalls_and_f1(given, weights)
    np.testing.assert_array_equal(recalls, intervals.recalls(given, weights))
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


def test_a_class_of_one_image_has_a_recall():
    given = predictions(classes=3)
    few = [*np.flatnonzero(given.target != 2).tolist(), int(np.argmax(given.target == 2))]
    part = Predictions(given.id[few], given.group[few], given.target[few], given.logits[few])
    found = intervals.recalls(part, np.ones((1, len(few)), np.float32))[0]
    assert found[2] == (part.probabilities[-1].argmax() == 2)


def error(given, draws=2000, seed=0, metric=intervals.balanced_accuracy):
    weights = intervals.group_weights(given.target, given.group, draws, seed)
    return float(metric(given, weights).std(ddof=1))


def test_the_error_of_an_accuracy_is_about_the_textbook_one():
    """One class each, every sample its own group: the binomial's standard error."""
    rng = np.random.default_rng(0)
    samples = 400
    target = np.arange(samples) % 2
    right = rng.random(samples) < 0.8
    logits = np.eye(2)[np.where(right, target, 1 - target)] * 4
    ids = np.array([f"i{n}" for n in range(samples)])
    found = error(Predictions.of(ids, ids, target, logits))
    p = [right[target == c].mean() for c in (0, 1)]
    expected = np.sqrt(sum(q * (1 - q) / (samples / 2) for q in p)) / 2
    assert found == pytest.approx(expected, rel=0.1)


def test_groups_that_agree_widen_the_error():
    """Ten photographs of a lesion are not ten lesions."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(40), 10)
    right = np.repeat(rng.random(40) < 0.7, 10)
    target = of % 2
    logits = np.eye(2)[np.where(right, target, 1 - target)] * 4
    ids = np.array([f"i{n}" for n in range(400)])
    apart, together = (
        error(Predictions.of(ids, group, target, logits)) for group in (ids, of.astype(str))
    )
    assert together > 2 * apart


def test_the_same_bootstrap_gives_the_same_numbers():
    once, again, other = (error(predictions(), 100, seed) for seed in (0, 0, 1))
    assert once == again != other


def test_two_thousand_replicates_take_about_a_second():
    given = predictions(samples=2000, classes=7, groups=1500)
    weights = intervals.group_weights(given.target, given.group, 2000, 0)
    started = time.process_time()
    intervals.aucs(given, weights), intervals.balanced_accuracy(given, weights)
    assert time.process_time() - started < 4  # about 1 s on an idle core; CI's may be slow
