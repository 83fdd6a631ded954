"""From a cell to a record: resuming, failures, shared stages, launchers, the command line."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from ray.cloudpickle import register_pickle_by_value
from rich.console import Console

from medtail import methods
from medtail.benchmark.boards import leaderboard
from medtail.benchmark.execution import driver, preflight, worker
from medtail.benchmark.execution.launch import inline, ray
from medtail.benchmark.execution.store import Store
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.metrics.long_tail import score
from medtail.benchmark.tracks import supervised
from medtail.datamodules.core.errors import MedtailError

QUICK = Budget(epochs=2, batch_size=64, optimizer="adamw", lr=0.003, weight_decay=0.05)


def terms(**changes):
    values = {"data": "phantom@natural", "data_params": {"count": 400}, "image_size": (16, 16)}
    return Terms(**({"budget": QUICK} | values | changes))


def cell(method="erm", seed=0, params=None, **changes):
    return Cell(method=method, seed=seed, params=params or {}, terms=terms(**changes))


class Deadly:
    """A progress note that kills the process that writes it."""

    @property
    def parent(self):
        os._exit(1)

    def unlink(self, missing_ok):
        pass


def bench(cells, store, launcher=inline.launch):
    console = Console(file=open("/dev/null", "w"), force_terminal=False)  # noqa: PTH123, SIM115
    missing = [c for c in cells if not store.done(c)]
    with store.owned():
        return missing, driver.run_missing(missing, store, launcher, 1, "disabled", console)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """One small training that several tests look at."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MEDTAIL_CACHE", str(tmp_path_factory.mktemp("cache")))
    worker.prepared.cache_clear()
    result = worker.run(Store(tmp_path_factory.mktemp("runs")).job(cell(), 1))
    patch.undo()
    assert result.record.status == "ok", result.traceback
    return result


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


def test_a_second_call_runs_only_what_is_missing(store):
    cells = [cell("tau_norm"), cell("ncm")]
    assert len(bench(cells[:1], store)[0]) == 1
    missing, failures = bench(cells, store)
    assert [c.method for c in missing] == ["ncm"]
    assert failures == []
    assert bench(cells, store)[0] == []


def test_a_failing_cell_is_recorded_and_tried_again(store, monkeypatch):
    broken = cell("focal")
    monkeypatch.setattr(methods.get("focal"), "loss", lambda self, batch: 1 / 0, raising=True)
    missing, failures = bench([broken, cell("ncm")], store)
    assert len(missing) == 2
    assert len(failures) == 1
    assert "focal" in failures[0]
    record = store.read(broken)
    assert record.status == "failed"
    assert record.reason == "ZeroDivisionError: division by zero"
    assert "ZeroDivisionError" in (store.folder(broken) / "traceback.txt").read_text()
    assert store.done(cell("ncm"))
    monkeypatch.undo()
    monkeypatch.setenv("MEDTAIL_CACHE", str(store.root / "cache"))
    worker.prepared.cache_clear()
    missing, failures = bench([broken, cell("ncm")], store)
    assert [c.method for c in missing] == ["focal"]
    assert failures == []
    assert store.done(broken)
    assert not (store.folder(broken) / "traceback.txt").exists()


def test_a_failure_never_replaces_a_success(store, outcome):
    store.write(outcome)
    store.write(worker.failed(outcome.record.cell, ValueError("later")))
    assert store.done(outcome.record.cell)


def test_divergence_has_a_reason(store):
    wild = cell(budget=QUICK.model_copy(update={"lr": 1e30, "optimizer": "sgd"}))
    record = worker.run(store.job(wild, 1)).record
    assert record.status == "failed"
    assert "diverged" in record.reason


def test_only_predict_opens_the_test_split(tmp_path, monkeypatch):
    data = worker.prepared(terms())
    opened = []
    plain = data.plain_loader
    monkeypatch.setattr(data, "plain_loader", lambda split: opened.append(split) or plain(split))
    supervised.train(cell("tau_norm"), data, tmp_path, 1, print)
    assert "test" not in opened
    assert "val" in opened


def test_two_drivers_cannot_share_a_folder(store):
    with store.owned(), pytest.raises(MedtailError, match="another medtail bench"), store.owned():
        pass


def test_no_space_is_said_before_anything_runs(store, monkeypatch):
    usage = type("Usage", (), {"free": 10 * 2**20})
    monkeypatch.setattr("medtail.benchmark.execution.store.shutil.disk_usage", lambda path: usage)
    with pytest.raises(MedtailError, match=r"no space: 10 MiB are free"), store.owned():
        pass


def test_a_damaged_record_is_named(store):
    path = store.folder(cell()) / "record.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"cell_id": "x"}')
    with pytest.raises(MedtailError, match=r"record\.json: no valid record"):
        store.done(cell())


def test_an_interrupt_keeps_what_is_done(store):
    def launcher(jobs):
        yield worker.run(jobs[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench([cell("tau_norm"), cell("ncm")], store, launcher)
    assert store.done(cell("tau_norm"))
    assert not store.done(cell("ncm"))


def test_mirror_writes_offline_runs(outcome, tmp_path):
    from medtail.benchmark.execution.tracking import mirror

    mirror(outcome.record, tmp_path, "offline")
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


@pytest.mark.slow
def test_ray_gives_the_numbers_of_inline(store, tmp_path):
    cells = [cell("erm"), cell("focal"), cell("erm", params={"no_such": 1})]
    _, failures = bench(cells, store, ray.launcher(2))
    assert len(failures) == 1
    assert "no_such" in failures[0]
    alone = Store(tmp_path / "alone")
    bench(cells[:2], alone)
    for one in cells[:2]:
        assert store.read(one).predictions == alone.read(one).predictions


@pytest.mark.slow
def test_a_dead_worker_is_a_failed_cell_and_the_others_go_on(store):
    register_pickle_by_value(sys.modules[__name__])
    deadly = dataclasses.replace(store.job(cell("focal"), 1), progress=Deadly())
    outcomes = ray.launch([deadly, store.job(cell("ncm"), 1)], workers=1)
    records = {o.record.cell.method: o.record for o in outcomes}
    assert records["focal"].status == "failed"
    assert "died" in records["focal"].reason or "crash" in records["focal"].reason.lower()
    assert records["ncm"].status == "ok"


@pytest.mark.slow
def test_more_devices_than_there_are_is_one_clear_line(store):
    with pytest.raises(MedtailError, match="--devices 1000: there are"):
        list(ray.launch([store.job(cell(), 1000)], workers=2))


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["inline", "ray"])
def test_ctrl_c_ends_with_130_and_keeps_what_is_done(tmp_path, launcher):
    suite = tmp_path / "long.yaml"
    suite.write_text(
        "methods: [erm, focal]\nimage_size: 16\ndata: [{name: phantom, params: {count: 400}}]\n"
        "budget: {epochs: 5000, lr: 0.01}\n"
    )
    words = ["bench", str(suite), "--launcher", launcher, "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "medtail", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        start_new_session=True,
        # A shell that starts a job in the background lets it ignore Ctrl-C, and its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        deadline = time.monotonic() + 120
        while not any("epoch" in p.read_text() for p in (tmp_path / "runs/progress").glob("*")):
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, out
    assert "interrupted: 0 of 2 cells are done and kept" in out
    assert "Traceback" not in out


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


def medtail(*words, folder: Path):
    done = subprocess.run(
        [sys.executable, "-m", "medtail", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_command_line_from_bench_to_leaderboard(tmp_path):
    suite = tmp_path / "mine.yaml"
    suite.write_text(
        "title: mine\nmethods: [erm, ncm]\nseeds: [0]\nimage_size: 16\n"
        "data: [{name: phantom@natural, params: {count: 400}}]\nbudget: {epochs: 1, lr: 0.01}\n"
    )
    code, out, err = medtail("bench", str(suite), "--dry-run", folder=tmp_path)
    assert code == 0, err
    assert "2 to run" in out
    assert not (tmp_path / "runs").exists()
    code, out, err = medtail("bench", str(suite), "--launcher", "inline", folder=tmp_path)
    assert code == 0, out + err
    assert (tmp_path / "leaderboards" / "phantom@natural.md").exists()
    assert (tmp_path / "leaderboards" / "README.md").exists()
    code, out, err = medtail("bench", str(suite), folder=tmp_path)
    assert code == 0
    assert "2 done, 0 to run" in out
    code, out, err = medtail("status", str(suite), folder=tmp_path)
    assert out.count("ok") == 2
    lines = (tmp_path / "leaderboards/records/phantom@natural.jsonl").read_text().splitlines()
    assert {json.loads(line)["cell"]["method"] for line in lines} == {"erm", "ncm"}
    assert leaderboard.render(tmp_path / "leaderboards")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bench", "quik"], "unknown suite 'quik': did you mean quick?"),
        (["bench", "quick", "--method", "nothing"], "--method nothing: nothing of this suite"),
        (["bench", "quick", "--set", "budget.epochs=many"], "budget.epochs"),
        (["bench", "quick", "--launcher", "cloud"], "--launcher cloud"),
        (["data", "card", "isic2018@lt100"], "isic2018: files not found"),
        (["data", "card", "phantom@tl100"], "unknown regime 'tl100'"),
        (["data", "card", "phantom", "--size", "big"], "--size big"),
    ],
)
def test_command_line_mistakes_are_one_line(tmp_path, words, message):
    code, out, err = medtail(*words, folder=tmp_path)
    assert code == 2, out + err
    assert message in err
    assert len(err.strip().splitlines()) == 1


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

    def fit(method, data, terms, epochs, seed, devices, folder, tell):
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
    ("changes", "words"),
    [
        ({"backbone": "resnet81"}, "unknown backbone 'resnet81'"),
        ({"backbone": "resnet18+big_stem"}, "unknown stem 'big_stem'"),
        ({"backbone": "vit_tiny_patch16_224+no_pool"}, "only ResNets"),
        ({"budget": QUICK.model_copy(update={"optimizer": "adamx"})}, "unknown optimizer 'adamx'"),
        ({"data_params": {"count": 3}}, "count"),
    ],
)
def test_wrong_terms_are_found_before_anything_is_trained(changes, words):
    console = Console(file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with pytest.raises(MedtailError) as caught:
        preflight.check([cell(**changes)], console)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_parameter_is_found_before_anything_is_trained():
    console = Console(file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with pytest.raises(MedtailError, match="gamma"):
        preflight.check([cell("focal", params={"gamma": -1.0})], console)


def test_weights_that_cannot_be_had_are_one_clear_line(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    console = Console(file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with pytest.raises(MedtailError, match="pretrained weights cannot be had"):
        preflight.check([cell(pretrained=True)], console)
