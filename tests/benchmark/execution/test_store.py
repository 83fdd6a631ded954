"""The folder of runs: one driver at a time, room on the disk, nothing good overwritten."""

from dataclasses import replace
from pathlib import Path

import pytest

from medtail.benchmark.execution import worker
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import cell


def test_a_failure_never_replaces_a_success(store, outcome):
    store.write(outcome)
    store.write(worker.failed(outcome.record.cell, ValueError("later")))
    assert store.done(outcome.record.cell)


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


def test_what_could_not_be_read_back_replaces_nothing(store, outcome):
    store.write(outcome)
    folder = store.folder(outcome.record.cell)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    bad = outcome.record.model_copy(update={"class_names": (0, 1)})
    with pytest.raises(MedtailError, match=r"before it is written.*class_names"):
        store.write(replace(outcome, record=bad))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_workers_are_at_is_told_in_one_order(store, monkeypatch):
    place = store.root / "progress"
    place.mkdir(parents=True)
    for name in "bca":
        (place / (16 * name)).write_text(f"{name}: epoch 1")
    (place / (16 * "d")).write_text("")
    listed = Path.glob
    monkeypatch.setattr(Path, "glob", lambda *words: reversed(sorted(listed(*words))))
    assert store.running() == ["a: epoch 1", "b: epoch 1", "c: epoch 1"]


def test_files_of_a_user_stay_where_ours_are_removed(store, outcome):
    """A folder may be named progress, over or stages without being ours."""
    kept, gone = [], []
    for name in ("progress", "handed", "over"):
        for child, files in (("notes.txt", kept), ("mine/data.csv", kept), (cell().id, gone)):
            path = store.root / name / child
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
            files.append(path)
    assert store.running() == ["x"]
    with store.owned():
        pass
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)
    for path in kept:
        path.unlink()
    (store.root / "progress/mine").rmdir()
    with store.owned():
        pass
    assert not (store.root / "progress").exists()


def test_who_looks_writes_nothing_and_knows_whether_a_driver_is_at_it(store, monkeypatch):
    note = store.root / "progress" / cell().id
    assert store.at_work() == {}
    assert not (store.root / ".lock").exists()
    with store.locked():
        note.parent.mkdir(exist_ok=True)
        note.write_text("erm: epoch 1/2")
        assert store.at_work() == {note.name: "erm: epoch 1/2"}
    monkeypatch.delattr("medtail.benchmark.execution.store.FileLock")  # which writes
    assert store.at_work() == {}
