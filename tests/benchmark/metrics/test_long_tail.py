"""Metrics against scikit-learn, against numbers worked out by hand, and as properties."""

import json
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics import long_tail
from medtail.benchmark.metrics.long_tail import auc_and_ap, score
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.metrics.draws import HAM, draw, flat, predictions


@pytest.mark.parametrize("prior", ["natural", "balanced"])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_scikit_learn(prior, seed):
    test = draw(seed)
    p, y, k = test.probabilities, test.target, 5
    w = np.ones(len(y)) if prior == "natural" else 1 / np.bincount(y)[y]
    got = score(test, None, [10] * k, ordinal=True, prior=prior)
    hat, hot = p.argmax(1), np.eye(k)[y]
    auc = [sk.roc_auc_score(y == c, p[:, c], sample_weight=w) for c in range(k)]
    ap = [sk.average_precision_score(y == c, p[:, c], sample_weight=w) for c in range(k)]
    np.testing.assert_allclose(got["auc"], auc)
    np.testing.assert_allclose(got["ap"], ap)
    every = {"labels": range(k), "average": None, "sample_weight": w, "zero_division": 0}
    np.testing.assert_allclose(got["recall"], sk.recall_score(y, hat, **every))
    np.testing.assert_allclose(got["precision"], sk.precision_score(y, hat, **every))
    expected = {
        "macro_auc": np.mean(auc),
        "macro_ap": np.mean(ap),
        "classes_scored": k,
        "accuracy": sk.accuracy_score(y, hat, sample_weight=w),
        "balanced_accuracy": sk.balanced_accuracy_score(y, hat),
        "macro_f1": sk.f1_score(y, hat, **{**every, "average": "macro"}),
        "mcc": sk.matthews_corrcoef(y, hat, sample_weight=w),
        "quadratic_kappa": sk.cohen_kappa_score(y, hat, weights="quadratic", sample_weight=w),
        "nll": sk.log_loss(y, p, sample_weight=w),
        "brier": np.average(((p - hot) ** 2).sum(1), weights=w),
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value), name
    assert got["worst_class_recall"] == min(got["recall"])


def test_balanced_prior_makes_accuracy_the_balanced_accuracy():
    got = score(draw(1), None, [10] * 5, ordinal=False, prior="balanced")
    assert got["accuracy"] == pytest.approx(got["balanced_accuracy"])


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.booleans(), st.integers(1, 5)), min_size=2, max_size=40
    )
)
@settings(max_examples=150, deadline=None)
def test_ties_are_scikit_learns(rows):
    scores, positive, weight = (np.array(column) for column in zip(*rows, strict=True))
    auc, ap = auc_and_ap(scores.astype(float), positive, weight.astype(float))
    if not positive.any():
        assert math.isnan(auc)
        assert math.isnan(ap)
        return
    assert ap == pytest.approx(sk.average_precision_score(positive, scores, sample_weight=weight))
    if positive.all():
        assert math.isnan(auc)
    else:
        assert auc == pytest.approx(sk.roc_auc_score(positive, scores, sample_weight=weight))


def test_auc_by_hand():
    # Pairs: 0.9 beats both negatives, 0.5 ties with one (a half) and beats the other: 3.5 of 4.
    ranks = np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False])
    assert auc_and_ap(*ranks, np.ones(4))[0] == 3.5 / 4
    # The tied negative weighs 3: (3 + 1) and (1.5 + 1) of 2 * 4.
    assert auc_and_ap(*ranks, np.array([1.0, 1, 3, 1]))[0] == 6.5 / 8
    assert auc_and_ap(np.full(4, 0.5), ranks[1], np.ones(4))[0] == 0.5


def test_decisions_by_hand():
    # True 0,0,0,1,1,2 predicted 0,0,1,1,0,0: recalls 2/3, 1/2, 0.
    chosen = [0, 0, 1, 1, 0, 0]
    got = score(predictions([0, 0, 0, 1, 1, 2], np.eye(3)[chosen] * 3), None, (9, 3, 1), True)
    assert got["recall"] == [2 / 3, 1 / 2, 0]
    assert got["precision"] == [1 / 2, 1 / 2, None]
    assert got["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 3)
    assert got["accuracy"] == 1 / 2
    assert got["macro_f1"] == pytest.approx((4 / 7 + 1 / 2 + 0) / 3)
    assert got["worst_class_recall"] == 0
    # Squared distances: 1 + 1 + 4; by chance (3*2 + 2*4 + 1*4*4 + 1*2*1) / 6.
    assert got["quadratic_kappa"] == pytest.approx(1 - 6 / ((6 + 8 + 16 + 2) / 6))


def test_absent_class_is_left_out_and_counted():
    torch, functional = pytest.importorskip("torch"), pytest.importorskip("torchmetrics.functional")
    test = draw(3, absent=(2,))
    got = score(test, None, [10] * 5, ordinal=False)
    assert got["classes_scored"] == 4
    for name in ("auc", "ap", "recall"):
        assert [v is None for v in got[name]] == [False, False, True, False, False]
        assert all(v is None or 0 < v < 1 for v in got[name])
    present = [v for v in got["auc"] if v is not None]
    assert got["macro_auc"] == pytest.approx(np.mean(present))
    assert got["balanced_accuracy"] == pytest.approx(np.nanmean(flat(got["recall"])))
    scores = torch.from_numpy(test.probabilities)
    theirs = functional.auroc(
        scores, torch.from_numpy(test.target), "multiclass", num_classes=5, average=None
    )
    assert float(theirs[2]) == 0, "the reason this module exists"
    hat, labels = test.probabilities.argmax(1), [0, 1, 3, 4]
    f1 = sk.f1_score(test.target, hat, labels=labels, average="macro", zero_division=0)
    assert got["macro_f1"] == pytest.approx(f1)
    json.dumps(got, allow_nan=False)


def test_one_class_only():
    got = score(predictions([1, 1], [[0, 2], [1, 0]]), None, (5, 5), ordinal=True)
    assert got["macro_auc"] is None
    assert got["classes_scored"] == 0
    assert got["balanced_accuracy"] == 0.5
    assert got["ap"] == [None, 1.0]
    assert got["mcc"] == 0
    json.dumps(got, allow_nan=False)


@pytest.mark.parametrize("prior", ["natural", "balanced"])
def test_one_prediction_for_all_has_no_correlation(prior):
    test = predictions([0, 1, 2, 2, 1, 0, 0], np.tile([1.0, 0, 0], (7, 1)))
    got = score(test, None, (3, 3, 3), ordinal=False, prior=prior)
    assert got["mcc"] == 0
    assert got["quadratic_kappa"] is None
    assert got["auc"] == [0.5, 0.5, 0.5]


def test_raw_logits_would_give_another_auc():
    """A shift of a sample's logits means nothing to softmax and everything to a rank of logits."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 3, 300)
    logits = rng.normal(size=(300, 3)) + np.eye(3)[target]
    shifted = logits + 5 * rng.normal(size=(300, 1))
    ours = [score(predictions(target, x), None, (1, 1, 1), False)["auc"] for x in (logits, shifted)]
    np.testing.assert_allclose(*ours, atol=2e-3)
    raw = [auc_and_ap(shifted[:, k], target == k, np.ones(300))[0] for k in range(3)]
    assert np.min(np.array(ours[0]) - raw) > 0.1


@given(st.integers(0, 1000), st.sampled_from(["natural", "balanced"]))
@settings(max_examples=25, deadline=None)
def test_order_of_samples_changes_nothing(seed, prior):
    test, val = draw(seed, n=60), draw(seed + 1, n=60)
    order = np.random.default_rng(seed).permutation(60)
    mixed = Predictions(test.id[order], test.group, test.target[order], test.logits[order])
    one, two = (score(t, val, [5, 4, 3, 2, 1], True, prior) for t in (test, mixed))
    assert one.keys() == two.keys()
    for name, value in one.items():
        values = (value, two[name]) if isinstance(value, list) else ([value], [two[name]])
        np.testing.assert_allclose(flat(values[0]), flat(values[1]), atol=1e-12, err_msg=name)


@given(st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_auc_knows_only_the_order_of_scores(seed):
    rng = np.random.default_rng(seed)
    scores, positive, weight = rng.normal(size=30), rng.random(30) < 0.4, rng.random(30) + 0.1
    same = auc_and_ap(scores, positive, weight)
    np.testing.assert_array_equal(same, auc_and_ap(np.exp(3 * scores) - 7, positive, weight))
    mirrored = auc_and_ap(-scores, positive, weight)
    assert mirrored[0] == pytest.approx(1 - same[0], nan_ok=True)


@given(st.integers(0, 1000), st.sampled_from(["natural", "balanced"]))
@settings(max_examples=25, deadline=None)
def test_bounds_and_perfection(seed, prior):
    test = draw(seed, n=40)
    got = score(test, test, [5] * 5, ordinal=False, prior=prior)
    shares = set(got) - {"mcc", "nll", "brier", "head_cut", "tail_cut", "classes_scored"}
    for name in shares:
        values = got[name] if isinstance(got[name], list) else [got[name]]
        assert all(v is None or -1e-12 <= v <= 1 + 1e-12 for v in values), name
    best = score(predictions(test.target, 20 * np.eye(5)[test.target]), None, [5] * 5, False, prior)
    for name in ("macro_auc", "macro_ap", "balanced_accuracy", "macro_f1", "mcc"):
        assert best[name] == pytest.approx(1), name
    for name in ("ece", "nll", "brier"):
        assert best[name] == pytest.approx(0, abs=1e-6), name


def test_what_does_not_fit_is_refused():
    with pytest.raises(MedtailError, match="no samples"):
        score(draw(n=0), None, [1] * 5, ordinal=False)
    with pytest.raises(MedtailError, match="4 classes, but scores for 5"):
        score(draw(), None, [1] * 4, ordinal=False)
    with pytest.raises(MedtailError, match="scores for 3"):
        score(draw(), draw(classes=3), [1] * 5, ordinal=False)


def test_speed():
    test, val = draw(n=2000, classes=7), draw(n=1000, classes=7)
    score(test, val, HAM, ordinal=True)
    took = []
    for _ in range(5):
        start = time.perf_counter()
        score(test, val, HAM, ordinal=True)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.05, f"{1000 * min(took):.1f} ms for 2000 x 7"


def test_pure():
    test = draw()
    before = test.digest
    assert score(test, test, [5] * 5, True) == score(test, test, [5] * 5, True)
    assert test.digest == before
    assert "sklearn" not in long_tail.__dict__


def test_classes_at_a_cut_are_of_the_middle():
    """Of 4, 3 and 2 images the mean is 3, the cuts 4 and 2."""
    assert long_tail.groups((4, 3, 2)) == ["medium"] * 3
    assert long_tail.groups((5, 3, 2)) == ["head", "medium", "tail"]
    assert long_tail.groups((9, 3, 3, 1)) == ["head", "medium", "medium", "tail"]
