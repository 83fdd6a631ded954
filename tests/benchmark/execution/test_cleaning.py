"""What can go: of dead processes, of code and data that are no more; never of the living."""

import json
import os

import pytest

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.execution import cleaning
from medtail.benchmark.features.store import VERSION
from medtail.benchmark.tracks import code
from medtail.datamodules.core import derived, writing
from tests.benchmark.cells import cell
from tests.datamodules.core.test_writing import dead, machine


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def put(path, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def names(store, *kinds, orphans=False):
    found = cleaning.removable(store, kinds or cleaning.KINDS, "best", orphans)
    return sorted(path.name for part in found for path in part.paths)


def test_what_the_dead_left_everywhere(store, cache, tmp_path):
    gone, mine = dead(), os.getpid()
    folders = (
        store.folder(cell()),
        store.root / "stages",
        store.root / "stages/under_way/x",
        cache,
        tmp_path / "leaderboards/records",
    )
    left = [put(f / f".a.{machine()}-{gone}.part") for f in folders]
    left += [put(store.root / "stages" / f".fit-{machine()}-{gone}-x" / "result.pt").parent]
    lives = [put(f / f".a.{machine()}-{mine}.part") for f in folders]
    found = cleaning.left_over(store)
    assert sorted(part.paths[0] for part in found) == sorted(left)
    cleaning.remove(found)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in lives)


def test_the_next_run_removes_it(store, cache):
    left = put(store.folder(cell()) / f".record.json.{machine()}-{dead()}.part")
    other = put(cache / f".x.npy.{machine()}-{dead()}.part")
    lives = put(cache / f".x.npy.{machine()}-{os.getpid()}.part")
    with store.owned():
        assert [left.exists(), other.exists(), lives.exists()] == [False, False, True]


def test_the_next_boards_remove_it(tmp_path):
    left = put(tmp_path / f".README.md.{machine()}-{dead()}.part")
    below = put(tmp_path / "records" / f".x.jsonl.{machine()}-{dead()}.part")
    leaderboard.render(tmp_path)
    assert not left.exists()
    assert not below.exists()


def test_stages_of_other_code_are_orphans(store, cache):
    now = [code.shared_digest(), code.digest_of(("erm",))]
    stage = [f"erm-{number:016x}.pt" for number in range(4)]
    for name, digests in zip(stage, (now, ["other", now[1]], [now[0], "other"]), strict=False):
        path = put(store.root / "stages" / name)
        put(derived.note_of(path), json.dumps({"what": {"code": digests}}))
    put(store.root / "stages" / stage[3])  # of an older medtail, without a note
    start = put(store.root / "stages" / f"start-badge-{1:016x}.pt")
    put(derived.note_of(start), json.dumps({"what": {"code": [now[0], "any"]}}))
    put(store.root / "stages/under_way/key/key.ckpt")
    orphans = {name for name in names(store, "stages", orphans=True) if name.endswith(".pt")}
    assert orphans == set(stage[1:])
    assert {stage[0], start.name, "key"} < set(names(store, "stages"))


def test_networks_of_a_user_in_a_folder_called_stages_are_not_ours(store, cache):
    put(store.root / "stages/mymodel.pt")
    put(store.root / "handed/mine/network.pt")
    ours = put(store.root / f"stages/erm-{'0' * 16}.pt")
    assert names(store, "stages", "networks") == [ours.name]


def test_features_of_another_version_are_orphans(store, cache):
    put(cache / "skin-28x28-ab.npy")
    for number, version in enumerate((VERSION, VERSION - 1)):
        path = put(cache / f"skin-features-{number}.npy")
        put(derived.note_of(path), json.dumps({"what": {"version": version}}))
    put(cache / "skin-features-2.npy")  # of which nothing is known
    put(cache / "skin-features-9.part")
    put(cache / "skin-features-9.rows")
    orphans = names(store, "features", orphans=True)
    assert [n for n in orphans if n.endswith("npy")] == [f"skin-features-{k}.npy" for k in (1, 2)]
    every = names(store, "features")
    assert "skin-features-9.part" in every
    assert "skin-28x28-ab.npy" not in every


def test_superseded_results_and_logs(store, cache):
    put(store.root / "superseded/phantom@natural/erm-s0-1-0/record.json")
    put(store.root / "slurm/logs/1_0.out")
    put(store.root / "stages/erm-0.damaged")
    put(store.root / f"handed/{cell().id}/network.json")
    assert names(store, "superseded") == ["erm-s0-1-0"]
    assert names(store, "logs") == ["1_0.out"]
    assert names(store, "leftovers") == ["erm-0.damaged"]
    assert names(store, "networks", orphans=True) == [cell().id]
    put(store.root / "slurm/wanted/cell")
    assert names(store, "logs") == [], "a job may still write"
    cleaning.remove(cleaning.removable(store, cleaning.KINDS, "best"))
    assert names(store) == []


def test_a_part_has_the_name_of_its_writer(tmp_path):
    part = writing.part_of(tmp_path / "record.json")
    assert part.name == f".record.json.{machine()}-{os.getpid()}.part"
