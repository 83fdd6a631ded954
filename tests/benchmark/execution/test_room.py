"""Before any training: every folder is tried, and what is needed is held against what is free."""

from types import SimpleNamespace

import pytest
from rich.console import Console

from medtail.benchmark.execution import room, worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.datamodules.core.errors import MedtailError
from tests.disks import mounted


def cell(data="phantom@natural", seed=0, method="erm", **terms):
    budget = Budget(epochs=2, tune=terms.pop("tune", "all"))
    given = {"data_params": {"count": 300}, "image_size": (8, 8), "budget": budget}
    return Cell(method=method, seed=seed, terms=Terms(data=data, **given, **terms))


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    worker.prepared.cache_clear()
    (tmp_path / "runs").mkdir()
    return Store(tmp_path / "runs")


def said(cells, store, folders=(), keep="best"):
    console = Console(record=True, width=300)
    room.check_room(cells, store, folders, keep, console)
    return console.export_text()


def test_it_is_one_line(store):
    text = said([cell(), cell(seed=1)], store)
    assert text.startswith("room: about ")
    assert " for results of 2 cells, " in text
    assert text.strip().endswith(" are free")
    assert said([], store) == ""


@pytest.mark.parametrize("place", ["leaderboards", "runs/stages", "cache"])
def test_a_folder_that_is_a_file(store, tmp_path, place, monkeypatch):
    path = tmp_path / place
    path.write_text("a file")
    if place == "cache":
        monkeypatch.setattr(room, "cache_root", lambda: path)
    if place == "runs/stages":  # where a cell would make a folder
        said([cell()], store)
        return
    with pytest.raises(MedtailError, match=f"^{path} cannot be written: a file stands where"):
        said([cell()], store, [tmp_path / "leaderboards"])


def test_a_disk_that_is_read_only(store, tmp_path):
    boards = tmp_path / "boards"
    boards.mkdir()
    told = "the disk is read-only; nothing was trained: name"
    with mounted(boards, "ro,size=64k"), pytest.raises(MedtailError, match=told):
        said([cell()], store, [boards])


def test_too_little_room_is_said_before_any_training(store, monkeypatch):
    needed = room.of_cells([cell()], "best")
    for free, fits in ((needed + 1, True), (needed - 1, False)):
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr(room.shutil, "disk_usage", lambda folder, usage=usage: usage)
        if fits:
            said([cell()], store)
            continue
        with pytest.raises(MedtailError, match=r"no space in .*runs: about \d+ MiB for results"):
            said([cell()], store)


def test_features_and_results_on_one_disk_are_added(store, monkeypatch):
    frozen = cell(tune="frozen", backbone="test_resnet")
    results, features = room.of_cells([frozen], "best"), room.of_features([frozen])
    views = 8
    assert features >= 300 * views * 2
    usage = SimpleNamespace(free=results + features - 1)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(MedtailError, match=r"for results of 1 cells, .*; about .* for features"):
        said([frozen], store)


def test_what_is_kept_counts():
    seeds = [cell(seed=s) for s in range(3)]
    none, best, every = (room.of_cells(seeds, keep) for keep in ("none", "best", "all"))
    one = best - none
    assert one > 0
    assert every - none == 3 * one
    assert room.of_cells(seeds[:1], "none") < none


def test_the_estimate_is_near_what_a_cell_leaves(store):
    """No less than its files, and the checkpoints of as many workers as there may be."""
    store.write(worker.run(store.job(cell(), 1)))
    left = sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file())
    reckoned = room.of_cells([cell()], "best")
    assert left <= reckoned <= 1.2 * left * (1 + room.UNDER_WAY * room.cores() / 2)


def test_words():
    assert [room.words(b) for b in (5, 2**20, 3.4 * 2**30)] == ["1 MiB", "1 MiB", "3.4 GiB"]
