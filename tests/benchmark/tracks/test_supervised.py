"""Stages of the supervised track: their epochs, seeds, splits, and when they are shared."""

import shutil

import pytest
import torch

from medtail.benchmark.execution import worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.grid.cell import Cell
from medtail.benchmark.tracks import code, supervised
from medtail.datamodules.core.errors import MedtailError
from tests import ROOT
from tests.benchmark.cells import QUICK, cell, terms


def test_shared_stages_are_trained_once_and_change_no_number(tmp_path):
    first, second = Store(tmp_path / "a"), Store(tmp_path / "b")
    alone = worker.run(first.job(cell("tau_norm"), 1))
    erm = worker.run(second.job(cell("erm"), 1))
    after = worker.run(second.job(cell("tau_norm"), 1))
    assert not erm.record.stages[0].shared
    assert after.record.stages[0].shared
    assert after.record.predictions == alone.record.predictions
    assert after.record.cost.train_seconds == erm.record.cost.train_seconds


def test_crt_is_the_same_whether_its_representation_was_trained_or_loaded(tmp_path):
    store = Store(tmp_path)
    changes = {"budget": QUICK.model_copy(update={"epochs": 5})}
    trained = worker.run(store.job(cell("crt", **changes), 1))
    loaded = worker.run(store.job(cell("crt", **changes), 1))
    assert [s.shared for s in trained.record.stages] == [False, False]
    assert [s.shared for s in loaded.record.stages] == [True, False]
    assert loaded.record.predictions == trained.record.predictions
    assert [s.epochs for s in loaded.record.stages] == [4, 1]


def test_only_predict_opens_the_test_split(tmp_path, monkeypatch):
    data = worker.prepared(terms())
    opened = []
    plain = data.plain_loader
    monkeypatch.setattr(data, "plain_loader", lambda split: opened.append(split) or plain(split))
    supervised.train(cell("tau_norm"), data, tmp_path, 1, print)
    assert "test" not in opened
    assert "val" in opened


def test_training_may_round_but_what_is_scored_is_exact(tmp_path):
    low = QUICK.model_copy(update={"precision": "bf16-mixed"})
    asked = cell("tau_norm", budget=low)
    data = worker.prepared(asked.terms)
    method = supervised.train(asked, data, tmp_path, 1, print).method
    tau = float(method.tau)
    found = supervised.predict(method, data, "test")
    method.conclude(*(supervised.plain(data, split, method) for split in ("train", "val")))
    assert float(method.tau) == tau
    with torch.autocast("cpu", torch.bfloat16):
        assert (found.logits == supervised.predict(method, data, "test").logits).all()


@pytest.mark.parametrize(
    ("epochs", "expected"), [(15, [12, 3]), (30, [24, 6]), (2, None), (3, [2, 1])]
)
def test_stages_never_cost_more_than_the_budget(epochs, expected):
    data = worker.prepared(terms())
    method = supervised.make("crt", {}, terms(), 0, data)
    if expected is None:
        with pytest.raises(MedtailError, match=r"budget\.epochs=2 is too little for the 2 stages"):
            supervised.allot(method, "crt", epochs)
    else:
        assert supervised.allot(method, "crt", epochs) == expected


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_paired_seeds_see_the_same_images_in_the_same_order(seed, tmp_path, monkeypatch):
    seen = {}

    def fit(method, data, terms, epochs, seed, *more):
        seen.setdefault(type(method).__name__, []).append(seed)
        raise InterruptedError

    monkeypatch.setattr(supervised, "fit", fit)
    data = worker.prepared(terms())
    for name in ("erm", "focal", "ncm"):
        with pytest.raises(InterruptedError):
            supervised.train(cell(name, seed=seed), data, tmp_path, 1, print)
    (first,), (second,) = set(seen["ERM"]), set(seen["Focal"])
    assert first == second < 2**32


def test_a_shared_stage_is_not_reused_for_other_data(tmp_path):
    one, two = terms(), terms(data_params={"count": 400, "draw_seed": 1})
    store = Store(tmp_path)
    worker.run(store.job(Cell(method="erm", terms=one), 1))
    other = worker.run(store.job(Cell(method="ncm", terms=two), 1))
    assert not other.record.stages[0].shared


@pytest.mark.parametrize(
    "name",
    [
        "methods/core/base.py",
        "methods/core/contrast/momentum.py",
        "datamodules/core/loading/samplers.py",
        "datamodules/core/contract.py",
        "benchmark/tracks/stages.py",
    ],
)
def test_a_shared_stage_is_known_by_the_code_of_every_room(name, tmp_path, monkeypatch):
    for folder in ("methods/core", "datamodules/core", "benchmark/tracks"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.setattr(code, "HOUSE", tmp_path)
    before = code.shared_digest.__wrapped__()
    with (tmp_path / name).open("a") as file:
        file.write("# said otherwise\n")
    assert code.shared_digest.__wrapped__() == before
    with (tmp_path / name).open("a") as file:
        file.write("CHANGED = 1\n")
    assert code.shared_digest.__wrapped__() != before
