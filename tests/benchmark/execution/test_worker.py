"""From a cell to a record: what stands in it, and that it is the same again."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from medtail.benchmark.execution import worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.metrics.long_tail import score
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import QUICK, cell


def test_a_record_is_what_its_predictions_give(outcome):
    record, test, val = outcome.record, outcome.test, outcome.val
    assert record.metrics == score(test, val, record.class_counts, ordinal=False)
    assert record.predictions == test.digest
    assert record.cell_id == record.cell.id == cell().id
    assert sum(record.support) == len(test.id)


def test_a_record_tells_its_provenance_and_cost(outcome):
    record = outcome.record
    assert torch.__version__.startswith(record.provenance.versions["torch"])
    assert len(record.provenance.split_digest) == 16
    assert record.cost.images > 0
    assert record.cost.parameters > 1000
    history = record.stages[0].history
    assert len(history) == QUICK.epochs
    assert set(history[0]) == {"train/loss", "val/balanced_accuracy", "val/macro_auc"}


def test_the_selected_epoch_is_the_best_on_validation(outcome):
    stage = outcome.record.stages[0]
    scores = [epoch["val/balanced_accuracy"] for epoch in stage.history]
    assert stage.selected == int(np.argmax(scores))


def test_validation_predictions_are_those_of_the_selected_epoch(outcome):
    stage = outcome.record.stages[0]
    val = outcome.val
    recall = [(val.logits.argmax(1) == c)[val.target == c].mean() for c in range(7)]
    logged = stage.history[stage.selected]["val/balanced_accuracy"]
    assert float(np.mean(recall)) == pytest.approx(logged, abs=1e-6)


def test_the_same_cell_gives_the_same_numbers(outcome, tmp_path):
    again = worker.run(Store(tmp_path).job(cell(), 1))
    assert again.record.predictions == outcome.record.predictions


def test_another_seed_gives_other_numbers(outcome, tmp_path):
    other = worker.run(Store(tmp_path).job(cell(seed=1), 1))
    assert other.record.predictions != outcome.record.predictions


def test_divergence_has_a_reason(store):
    wild = cell(budget=QUICK.model_copy(update={"lr": 1e30, "optimizer": "sgd"}))
    record = worker.run(store.job(wild, 1)).record
    assert record.status == "failed"
    assert "diverged" in record.reason


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(tmp_path):
    # In float64, where the sums of two halves differ from the sum of the whole by nothing that
    # a few steps could make visible.
    exact = QUICK.model_copy(update={"precision": "64-true", "optimizer": "sgd", "lr": 0.1})
    one, two = (
        worker.run(Store(tmp_path / str(devices)).job(cell(budget=exact), devices))
        for devices in (1, 2)
    )
    assert two.record.status == "ok", two.traceback
    assert two.record.cost.devices == 2
    assert np.abs(one.test.probabilities - two.test.probabilities).max() < 1e-3  # float16 steps
    assert one.record.stages[0].selected == two.record.stages[0].selected
    for first, second in zip(
        one.record.stages[0].history, two.record.stages[0].history, strict=True
    ):
        assert first == pytest.approx(second, abs=1e-6)
    for name in ("macro_auc", "balanced_accuracy"):
        assert one.record.metrics[name] == pytest.approx(two.record.metrics[name], abs=1e-3)


@pytest.mark.thorough
@pytest.mark.slow
def test_a_process_without_a_validation_image_waits_for_nobody(tmp_path):
    exact = QUICK.model_copy(update={"precision": "64-true", "optimizer": "sgd", "lr": 0.1})
    asked = cell(budget=exact, data_params={"count": 401})
    data = worker.prepared(asked.terms)
    data.plan = dataclasses.replace(data.plan, val=data.plan.val[:1])
    one, two = (
        worker.run(Store(tmp_path / str(devices)).job(asked, devices)) for devices in (1, 2)
    )
    assert two.record.status == "ok", two.traceback
    assert len(two.val.id) == 1
    assert np.abs(one.test.probabilities - two.test.probabilities).max() < 1e-3
    for mine, theirs in zip(
        one.record.stages[0].history, two.record.stages[0].history, strict=True
    ):
        assert mine == pytest.approx(theirs, abs=1e-6)
        assert mine["val/macro_auc"] is None


def test_a_reason_names_no_folder_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTAIL_DATA", str(tmp_path / "data"))
    place = tmp_path / "tables" / "t.csv"
    mine = cell()
    terms = mine.terms.model_copy(update={"local": {"file": str(place)}})
    asked = mine.model_copy(update={"terms": terms})
    text = f"{place.parent}/a.png, {tmp_path}/data/b.png and {Path.cwd()}/c.png: cannot be read"
    reason = worker.failed(asked, MedtailError(text)).record.reason
    assert reason == "<data>/a.png, <data>/b.png and ./c.png: cannot be read"
