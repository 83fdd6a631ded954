"""Files that are damaged, cut off or foreign: found before training, or made anew; equal boards."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.faults import kit

pytestmark = pytest.mark.faults
CACHE = ".cache/images"


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / CACHE))


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """The tiny suite has run here."""
    folder = tmp_path_factory.mktemp("once")
    run = kit.bench(folder, MEDTAIL_CACHE=str(folder / CACHE))
    assert run.status == 0, run.out
    return folder


@pytest.fixture
def ran(once, tmp_path):
    """A folder in which the tiny suite has run, with a cache of its own."""
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    return tmp_path


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def altered(path):
    """Of the right shape and form, with other content."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(255 - b for b in content[middle : middle + 64])
    path.write_bytes(bytes(content))


def forget_results(folder):
    """The cells run again, on what is derived."""
    shutil.rmtree(folder / "runs/cells")
    shutil.rmtree(folder / "runs/leaderboards")


DERIVED = {
    "images": f"{CACHE}/phantom-28x28-*[!s].npy",
    "digests": f"{CACHE}/*.digests.npy",
    "stage": "runs/stages/erm-*.pt",
}


@pytest.mark.parametrize(
    ("name", "harm"), [("images", cut), ("images", altered), ("digests", cut), ("stage", altered)]
)
def test_what_is_derived_is_made_anew_and_said(ran, equal, name, harm):
    path = next(p for p in ran.glob(DERIVED[name]) if "digests" not in p.name or name == "digests")
    forget_results(ran)
    harm(path)
    again = kit.bench(ran)
    assert again.status == 0, again.out
    said = [line for line in again.out.splitlines() if "set aside as" in line]
    assert len(said) == 1, again.out
    assert path.name in said[0]
    assert "Traceback" not in again.out
    equal(ran)


def test_a_stage_of_another_training_is_not_taken(ran, equal):
    path, other = sorted(ran.glob(DERIVED["stage"]))  # of three epochs, and of crt's two
    forget_results(ran)
    for suffix in (".pt", ".json"):
        shutil.copy(other.with_suffix(suffix), path.with_suffix(suffix))
    again = kit.bench(ran)
    assert "of something else: set aside as" in again.out
    equal(ran)


def record_of(folder, row):
    (path,) = (folder / "runs/cells").glob(f"*/{row}-s0-*/record.json")
    return path


def metrics(path):
    values = json.loads(path.read_text())
    values["metrics"]["macro_auc"] = 0.99
    path.write_text(json.dumps(values))


def another_cell(path):
    shutil.copy(record_of(path.parents[4], "crt"), path)


def folder_instead(path):
    path.unlink()
    path.mkdir()


def columns(path):
    program = "import sys, pyarrow as pa, pyarrow.parquet as pq\n"
    program += "pq.write_table(pa.table({'a': [1]}), sys.argv[1])"
    place = str(path.with_name("predictions.parquet"))
    subprocess.run([sys.executable, "-c", program, place], check=True)


@pytest.mark.parametrize("harm", [metrics, another_cell, folder_instead, columns])
def test_evidence_is_told_before_training_with_what_mends_it(ran, equal, harm):
    harm(record_of(ran, "erm"))
    before = sorted((ran / "runs").rglob("*.pt"))
    more = kit.bench(ran, "--set", "seeds=[0,1]")
    assert more.status == 2, more.out
    (line,) = [line for line in more.out.splitlines() if line.startswith("medtail: ")]
    assert "runs/cells/phantom@natural/erm-s0-" in line
    assert "Traceback" not in more.out
    assert sorted((ran / "runs").rglob("*.pt")) == before, "nothing was trained"
    assert kit.medtail(ran, "status", "tiny.yaml").status == 0
    assert kit.bench(ran, "--method", "crt").status == 0, "what is right stays usable"
    words = line.partition("'medtail ")[2].partition("'")[0].split()
    mended = kit.medtail(ran, *words)
    assert mended.status == 0, mended.out
    again = kit.bench(ran)
    assert again.status == 0, again.out
    equal(ran)
    assert len(list((ran / "runs/superseded").glob("*/erm-*"))) == 1, "nothing is lost"


def test_altered_statistics_of_a_board_are_made_anew(ran, equal):
    (path,) = (ran / "runs/leaderboards/statistics").glob("*.json")
    before = path.read_text()
    path.write_text(before.replace('"macro_auc":[0.', '"macro_auc":[0.9', 1))
    page = (ran / "runs/leaderboards/phantom@natural.md").read_text()
    again = kit.bench(ran)
    assert f"{path.name}: damaged or edited: set aside as" in again.out
    assert path.read_text() == before
    assert (ran / "runs/leaderboards/phantom@natural.md").read_text() == page


KILLS = [
    "kill before record.json$ 1",
    "kill before stages/erm-.*.pt$ 1",
    f"kill before {CACHE}/phantom.*.npy$ 1",
    "kill before phantom@natural.md$ 1",
    "fit 1",
]


@pytest.mark.parametrize("fault", KILLS)
def test_the_next_run_removes_what_a_killed_one_left(tmp_path, equal, fault):
    run = kit.bench(tmp_path, fault=fault)
    assert run.status == -9, run.out
    left = unfinished(tmp_path)
    assert left, "the fault leaves something"
    lives = [p.with_name(p.name.replace(f"-{number(p)}", f"-{os.getpid()}")) for p in left]
    for path in lives:
        path.write_text("of a process that lives")
    (tmp_path / "runs").mkdir(exist_ok=True)  # it may have died before there was one
    listed = kit.medtail(tmp_path, "clean")
    for path in left:
        assert path.name in listed.out
    again = kit.bench(tmp_path)
    assert again.status == 0, again.out
    assert unfinished(tmp_path) == sorted(lives)
    equal(tmp_path)


def unfinished(folder):
    found = [*folder.rglob(".*.part"), *folder.rglob(".fit-*"), *folder.rglob(".round-*")]
    return sorted(found)


def number(path):
    """Of the process in a name."""
    return path.name.removesuffix(".part").split("-")[-1 if path.suffix == ".part" else 2]
