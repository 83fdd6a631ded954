"""Machines that are not as they should be: folders, variables of a sweep, a cluster that is not."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from medtail.benchmark.execution import surroundings, tracking
from medtail.benchmark.execution.launch import ray
from medtail.datamodules.core.errors import MedtailError
from tests import few

SMALL = [
    "--set", "data=[{name: phantom@natural, params: {count: 300}}]", "--set", "methods=[erm]",
    "--set", "seeds=[0]", "--set", "budget.epochs=1",
]  # fmt: skip


@pytest.fixture
def temporary(monkeypatch):
    """A temporary folder of the test alone, and the old one afterwards."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    return lambda place: monkeypatch.setenv("TMPDIR", str(place))


def test_a_temporary_folder_is_short_enough_for_a_socket(tmp_path, temporary):
    for letters, changes in ((10, False), (110, True)):
        place = tmp_path.parents[-2] / ("y" * letters)
        place.mkdir(exist_ok=True)
        temporary(place)
        tempfile.tempdir = None
        line = surroundings.shorten_temporary_folder()
        place.rmdir()
        assert bool(line) == changes
        assert len(tempfile.gettempdir() + surroundings.SOCKET) <= 107
    assert line.startswith("TMPDIR has too long a path for sockets")
    assert os.environ["TMPDIR"] == tempfile.gettempdir() != str(place)


@pytest.mark.parametrize(
    ("text", "mode"),
    [("", "offline"), ("dryrun", "offline"), ("run", "online"), ("Disabled", "disabled")],
)
def test_modes_of_wandb_have_their_old_names(text, mode):
    assert tracking.mode_of(text) == mode
    with pytest.raises(MedtailError, match="'x': write offline, online or disabled"):
        tracking.mode_of("x")


def test_a_sweeps_run_is_no_cells_run(outcome, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "fixed")
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    monkeypatch.setenv("WANDB_MODE", "dryrun")
    assert surroundings.of_a_sweep().endswith("not that of WANDB_SWEEP_ID, WANDB_RUN_ID")
    tracking.mirror(outcome.record, tmp_path, "offline")
    (run,) = tmp_path.glob("wandb/offline-run-*")
    assert run.name.endswith(outcome.record.cell_id)
    assert os.environ["WANDB_RUN_ID"] == "fixed"
    assert os.environ["WANDB_MODE"] == "dryrun"
    monkeypatch.delenv("WANDB_RUN_ID")
    monkeypatch.delenv("WANDB_SWEEP_ID")
    assert surroundings.of_a_sweep() == ""


def test_folders_that_cannot_be_written_are_replaced(tmp_path, monkeypatch, temporary):
    temporary(tmp_path)
    (tmp_path / "file").touch()
    for name in surroundings.CACHES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "file/below"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for home in (None, str(tmp_path / "nowhere")):
        monkeypatch.setenv("HOME", home) if home else monkeypatch.delenv("HOME")
        lines = surroundings.mend_folders()
        assert lines[-1].startswith(f"HOME ({home or 'not set'}) cannot be written: {tmp_path}/")
        assert Path(os.environ["HOME"]).is_dir()
        assert len(lines) == (1 if home else 2)
    assert "MPLCONFIGDIR" not in os.environ
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / "cache")
    assert surroundings.mend_folders() == []


def test_a_cluster_that_is_not_there_is_one_line_at_once():
    began = time.monotonic()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        port = taken.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}", "127.0.0.1:no"):
            with pytest.raises(MedtailError, match="no cluster there") as caught:
                ray.launcher(1, address=address)
            assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 5


@pytest.mark.slow
def test_a_cluster_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(surroundings, "ANSWER", 3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        with pytest.raises(MedtailError, match="it is no Ray cluster that answers"):
            surroundings.check_cluster(f"127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - began < 20


@pytest.mark.slow
@pytest.mark.parametrize("launcher", few(["ray", "processes", "inline"], "processes"))
def test_a_bench_in_odd_surroundings(launcher, tmp_path):
    """ASCII, 40 columns, no home, a long TMPDIR, a sweep's variables: lines, and a result."""
    long = tmp_path / ("y" * 110)
    long.mkdir()
    gone = {"HOME", "USER", "LOGNAME", "WANDB_MODE"}
    odd = {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
        "COLUMNS": "40",
        "TERM": "dumb",
    }
    odd |= {"TMPDIR": str(long), "WANDB_RUN_ID": "fixed", "WANDB_MODE": "", "NO_COLOR": "1"}
    env = {k: v for k, v in os.environ.items() if k not in gone} | odd
    words = [sys.executable, "-m", "medtail", "bench", "quick", *SMALL, "--launcher", launcher]
    done = subprocess.run(
        [*words, "--out", str(tmp_path / "r")], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    told = " ".join(done.stdout.split())
    assert "TMPDIR has too long a path for sockets" in told
    assert "wandb: each cell is a run of its own" in told
    assert "] v erm on phantom@natural, seed 0" in told
    assert "Traceback" not in done.stdout + done.stderr
    assert "HOME (not set) cannot be written" in done.stderr
    assert len(done.stderr.splitlines()) < 4, done.stderr
    (run,) = (tmp_path / "r/wandb").glob("offline-run-*")
    assert not run.name.endswith("fixed")
