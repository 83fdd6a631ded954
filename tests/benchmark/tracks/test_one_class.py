"""The loop of the one-class track, from a cell to a record."""

import numpy as np
import pytest
import torch

from medtail.benchmark.evidence import record as records
from medtail.benchmark.evidence.normality import Normality
from medtail.benchmark.execution import worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.metrics.one_class import log_odds, score
from medtail.benchmark.tracks import one_class
from tests.benchmark.one_class import predictions

QUICK = Budget(epochs=2, batch_size=64, optimizer="adamw", lr=0.003, weight_decay=0.05)


def standardised(values, given):
    return one_class.normality_of(given).standardised(torch.from_numpy(values)).numpy()


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
    plain = Normality(middle=0, scale=1, threshold=0)
    made = log_odds(one_class.predictions(data, "test", np.sinh(logits), plain))
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


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "data", "size"),
    [
        ("deep_svdd", "phantom@oneclass", 64),
        ("mahalanobis", "phantom@oneclass", 64),
        ("deep_svdd", "phantom@binary10", 8),  # processes have unequal numbers of given images
    ],
)
def test_two_processes_give_the_numbers_of_one(tmp_path, method, data, size):
    exact = QUICK.model_copy(
        update={"precision": "64-true", "optimizer": "sgd", "lr": 0.01, "batch_size": size}
    )
    asked = cell(method, data, selection="last", budget=exact)
    one, two = (trained(tmp_path / str(devices), asked, devices) for devices in (1, 2))
    assert two.record.cost.devices == 2
    assert np.abs(log_odds(one.test) - log_odds(two.test)).max() < 0.01  # float16 steps
    assert one.record.metrics["auroc"] == pytest.approx(two.record.metrics["auroc"], abs=2e-3)
