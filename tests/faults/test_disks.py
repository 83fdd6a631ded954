"""A disk that refuses: one line with the file, exit status 2 or 1, and all goes on afterwards."""

import re
import subprocess

import pytest

from tests.disks import mounted
from tests.faults import kit

pytestmark = pytest.mark.faults

WORDS = {
    "ENOSPC": "no space left",
    "EDQUOT": "the disk quota is used up",
    "EIO": "input/output error",
    "ESTALE": "the network disk has lost it",
    "EFBIG": "larger than a file may be there",
    "EROFS": "the disk is read-only",
    "EACCES": "permission denied",
}


def check(run, words, file):
    """One line names the file and what is wrong; nothing is a traceback, nothing is ``None``."""
    assert run.fired.startswith("[fault]"), run.out
    assert run.status in (1, 2), run.out
    assert "Traceback" not in run.out
    assert "None:" not in run.out
    told = [line for line in run.out.replace("\n  ", " ").splitlines() if words in line]
    assert told, run.out
    assert any(re.search(file, line) for line in told), told


@pytest.mark.parametrize(
    ("fault", "file"),
    [
        ("errno EDQUOT record.json$", "record.json"),
        ("errno EROFS predictions.parquet$", "predictions.parquet"),
        ("errno ESTALE leaderboards/phantom@natural.md$", "phantom@natural.md"),
        ("errno EFBIG stages/.*.pt$", r"stages/erm-\w+\.pt"),
        ("errno EACCES leaderboards/records/phantom@natural.jsonl$", "phantom@natural.jsonl"),
        ("write ENOSPC record.json", "record.json"),
        ("write EIO phantom@natural.png", "phantom@natural.png"),
    ],
)
def test_a_run_goes_on_after_a_disk_has_refused(tmp_path, equal, fault, file):
    run = kit.bench(tmp_path, fault=fault)
    check(run, WORDS[fault.split()[1]], file)
    again = kit.bench(tmp_path)
    assert again.status == 0, again.out
    equal(tmp_path)


def test_a_disk_that_fills_up(tmp_path, equal):
    """Of 1 MiB more than boards and results need to begin; made larger, the run goes on."""
    runs = tmp_path / "runs"
    runs.mkdir()
    with mounted(runs, "size=201m"):
        ballast = runs / "ballast"
        fault = f"fill {ballast} predictions.parquet$ 1"
        run = kit.bench(tmp_path, fault=fault)
        check(run, "no space left", r"runs/\S+\.\w+")
        ballast.unlink()
        more = ["mount", "-o", "remount,size=400m", str(runs)]
        subprocess.run(more, check=True)
        again = kit.bench(tmp_path)
        assert again.status == 0, again.out
        equal(tmp_path)
