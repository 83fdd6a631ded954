"""One-class metrics against scikit-learn, and the loop of the track from a cell to a record."""

import numpy as np
import pytest
from sklearn import metrics as sklearn

from medtail.benchmark.evidence import record as records
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.execution import worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.metrics.one_class import abnormal_classes, log_odds, score, support
from medtail.benchmark.tracks import one_class, supervised
from medtail.benchmark.tracks.one_class import standardised
from medtail.datamodules.core.errors import MedtailError

NAMES = ("mel", "nv", "bcc", "vasc")  # nv is given
QUICK = Budget(epochs=2, batch_size=64, optimizer="adamw", lr=0.003, weight_decay=0.05)


def predictions(scores, source):
    source = np.array(source)
    ids = np.array([f"i{n}" for n in range(len(source))])
    logits = np.stack([np.zeros(len(source)), scores], 1)
    target = (source != 1).astype(np.int64)
    return Predictions.of(ids, ids, target, logits, source_class=source)


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


def test_the_logits_keep_the_order_and_do_not_tie():
    rng = np.random.default_rng(0)
    for scale, shift in ((1e-6, 0.0), (1.0, 50.0), (1e6, -3.0)):
        given = shift + scale * rng.normal(size=300)
        values = shift + scale * np.r_[np.linspace(-4, 4, 200), np.geomspace(5, 1e6, 100)]
        logits = standardised(values, given)
        assert (np.diff(logits) > 0).all()
        middle = standardised(np.array([np.median(given)]), given)
        assert abs(middle[0]) < 1e-6
        kept = predictions(logits, [0] * len(values))
        assert (np.diff(log_odds(kept)) >= 0).all()
        assert len(np.unique(log_odds(kept))) > 0.97 * len(values)
        assert len(np.unique(kept.probabilities[:, 1])) > 0.97 * len(values)
    assert np.isfinite(standardised(np.array([1.0, 2.0]), np.ones(5))).all()


def cell(method, data="phantom@oneclass", params=None, **changes):
    values = {"data": data, "data_params": {"count": 400}, "image_size": (16, 16), "budget": QUICK}
    return Cell(method=method, params=params or {}, terms=Terms(**(values | changes)))


def trained(tmp_path, cell, devices=1):
    result = worker.run(Store(tmp_path).job(cell, devices))
    assert result.record.status == "ok", result.traceback
    return result


def test_a_record_is_what_its_predictions_give(tmp_path):
    result = trained(tmp_path, cell("cutpaste", selection="last"))
    record, test, val = result.record, result.test, result.val
    data = worker.prepared(record.cell.terms)
    assert record.metrics == score(test, val, data.class_names)
    assert record.class_counts[1] == 0
    assert record.scored_names == tuple(n for n in data.class_names if n != record.class_names[0])
    assert sum(record.support) == (test.target == 1).sum()
    assert len(record.metrics["class_auroc"]) == len(record.support) == 6
    assert (val.target == 0).all()
    assert abs(np.median(log_odds(val))) < 0.01
    rows = data.rows("test")
    assert test.id.tolist() == data.table.id[rows].tolist()
    assert test.source_class.tolist() == data.table.target[rows].tolist()
    assert record.balanced == {}
    assert records.parse(record.model_dump_json(), "here") == record
    assert "val/balanced_accuracy" in record.stages[0].history[-1]
    logits = np.linspace(-3, 3, len(rows))
    made = log_odds(one_class.predictions(data, "test", logits))
    np.testing.assert_allclose(made, logits, atol=0.01)
    assert record.predictions == test.digest


def test_the_control_is_trained_on_what_is_withheld(tmp_path):
    result = trained(tmp_path, cell("supervised_control", selection="last"))
    spec = worker.prepared(result.record.cell.terms).spec
    assert result.record.fitted == {"withheld_labels": sum(spec.withheld)}
    assert sum(spec.withheld) > 50
    assert result.record.class_counts[1] == 0


@pytest.mark.parametrize("method", ["weighted_ce", "deep_svdd"])
def test_a_few_abnormal_labels(tmp_path, method):
    result = trained(tmp_path, cell(method, "phantom@binary10"))
    assert result.record.class_counts[1] > 0
    assert (result.val.target == 1).any()
    assert abs(np.median(log_odds(result.val)[result.val.target == 0])) < 0.01
    assert 0 <= result.record.metrics["auroc"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize("method", ["deep_svdd", "mahalanobis"])
def test_two_processes_give_the_numbers_of_one(tmp_path, method, monkeypatch):
    exact = QUICK.model_copy(update={"precision": "64-true", "optimizer": "sgd", "lr": 0.01})
    asked = cell(method, selection="last", budget=exact)
    fit = supervised.fit

    def fitted(method, *rest):  # the parent of two processes keeps a float32 method otherwise
        result = fit(method, *rest)
        method.double()
        return result

    monkeypatch.setattr(supervised, "fit", fitted)
    one, two = (trained(tmp_path / str(devices), asked, devices) for devices in (1, 2))
    assert two.record.cost.devices == 2
    assert np.abs(log_odds(one.test) - log_odds(two.test)).max() < 0.01  # float16 steps
    assert one.record.metrics["auroc"] == pytest.approx(two.record.metrics["auroc"], abs=2e-3)
