"""One-class metrics against scikit-learn, and what may not change them."""

import numpy as np
import pytest
from sklearn import metrics as sklearn

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics.one_class import abnormal_classes, log_odds, score, support
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.one_class import predictions

NAMES = ("mel", "nv", "bcc", "vasc")  # nv is given


def drawn(seed=0, count=400, classes=(0, 1, 2)):
    rng = np.random.default_rng(seed)
    source = rng.choice(classes, count, p=[0.2, 0.7, 0.1])
    scores = rng.normal(size=count).round(1) + np.array([0.8, 0, 2.0, 0])[source]  # with ties
    return predictions(scores, source)


def test_metrics_are_those_of_scikit_learn():
    test, val = drawn(0), drawn(1)
    found = score(test, val, NAMES)
    scores, truth = log_odds(test), test.target
    assert found["auroc"] == pytest.approx(sklearn.roc_auc_score(truth, scores), abs=1e-12)
    assert found["auprc"] == pytest.approx(
        sklearn.average_precision_score(truth, scores), abs=1e-12
    )
    assert found["prevalence"] == pytest.approx(truth.mean())
    given = np.sort(log_odds(val)[val.target == 0])
    threshold = next(t for t in given if (given <= t).mean() >= 0.95)
    called = scores > threshold
    matrix = sklearn.confusion_matrix(truth, called)
    assert found["sensitivity_at_95_specificity"] == pytest.approx(matrix[1, 1] / matrix[1].sum())
    assert found["achieved_specificity"] == pytest.approx(matrix[0, 0] / matrix[0].sum())
    assert found["f1"] == pytest.approx(sklearn.f1_score(truth, called))
    assert found["given_images"] == (truth == 0).sum()
    for k, value in zip((0, 2), found["class_auroc"], strict=False):
        kept = (test.source_class == k) | (truth == 0)
        expected = sklearn.roc_auc_score(truth[kept], scores[kept])
        assert value == pytest.approx(expected, abs=1e-12)
    assert found["class_auroc"][2] is None  # no image of it
    assert abnormal_classes(test, NAMES) == (0, 2, 3)
    assert support(test, NAMES) == (*np.bincount(test.source_class, minlength=3)[[0, 2]], 0)


def test_higher_is_more_abnormal():
    test, val = drawn(0), drawn(1)
    turned = [predictions(-log_odds(p), p.source_class) for p in (test, val)]
    plain, inverted = score(test, val, NAMES), score(*turned, NAMES)
    assert plain["auroc"] > 0.7
    assert inverted["auroc"] == pytest.approx(1 - plain["auroc"], abs=1e-9)
    assert inverted["class_auroc"][0] == pytest.approx(1 - plain["class_auroc"][0], abs=1e-9)
    best = predictions(test.target.astype(float), test.source_class)
    assert score(best, best, NAMES)["auroc"] == 1
    assert score(best, best, NAMES)["f1"] == 1


def test_no_abnormal_label_of_validation_takes_part():
    test, val = drawn(0), drawn(1)
    scores = log_odds(val)
    other = predictions(np.where(val.target == 1, scores + 100, scores), val.source_class)
    assert score(test, val, NAMES) == score(test, other, NAMES)


def test_what_cannot_be_scored_is_one_clear_line():
    test = drawn(0)
    given = predictions(np.zeros(5), [1] * 5)
    abnormal = predictions(np.zeros(5), [0] * 5)
    for broken in (given, abnormal):
        with pytest.raises(MedtailError, match="no given or no abnormal"):
            score(broken, test, NAMES)
    with pytest.raises(MedtailError, match="validation has no given"):
        score(test, abnormal, NAMES)
    without = Predictions.of(test.id, test.group, test.target, test.logits)
    with pytest.raises(MedtailError, match="classes of the dataset"):
        score(without, test, NAMES)
