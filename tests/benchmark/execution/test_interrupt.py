"""Ctrl-C keeps what is done."""

import os
import signal
import subprocess
import sys
import time

import pytest

from medtail.benchmark.execution import worker
from tests import few, signals
from tests.benchmark.cells import bench, cell


def test_an_interrupt_keeps_what_is_done(store):
    def launcher(jobs):
        yield worker.run(jobs[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench([cell("tau_norm"), cell("ncm")], store, launcher)
    assert store.done(cell("tau_norm"))
    assert not store.done(cell("ncm"))


AGAIN = """
import atexit, os, signal, time
from medtail.benchmark.execution.ending import in_one_line
def again():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.1)
atexit.register(again)
with in_one_line():
    {}
"""


@pytest.mark.parametrize(
    "ends", ["os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", "exit(143)"]
)
def test_after_an_end_by_a_signal_no_further_one_is_heard(ends):
    told = subprocess.run(
        [sys.executable, "-c", AGAIN.format(ends)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=signals.heard,
    )
    assert told.returncode == 143
    assert "Traceback" not in told.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "number", "status"),
    few(
        [
            *((launcher, signal.SIGINT, 130) for launcher in ("inline", "processes", "ray")),
            *((launcher, signal.SIGTERM, 143) for launcher in ("inline", "processes")),
            ("processes", signal.SIGHUP, 129),
        ],
        ("processes", signal.SIGINT, 130),
    ),
)
def test_an_end_keeps_what_is_done_writes_its_boards_and_has_its_status(
    tmp_path, launcher, number, status
):
    suite = tmp_path / "long.yaml"
    suite.write_text(
        "methods: [erm]\nimage_size: 16\nbudget: {epochs: 1, lr: 0.01}\ndata:\n"
        "  - {name: phantom@natural, params: {count: 400}}\n"
        "  - {name: phantom@lt10, params: {count: 400}, budget: {epochs: 50000}}\n"
    )
    words = ["bench", str(suite), "--launcher", launcher, "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "medtail", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        start_new_session=True,
        preexec_fn=signals.heard,
    )
    try:
        deadline = time.monotonic() + 200
        runs = tmp_path / "runs"
        while not (
            any("lt10" in t and "epoch" in t for t in map(read, (runs / "progress").glob("*")))
            and list(runs.glob("cells/phantom@natural/*/record.json"))
        ):
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        if number == signal.SIGINT:  # which a terminal sends to all
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == status, out
    assert "interrupted: 1 of 2 cells are done and kept" in out
    assert "Traceback" not in out
    boards = tmp_path / "runs/leaderboards"
    assert [p.name for p in boards.glob("*@*.md")] == ["phantom@natural.md"]
    left = time.monotonic() + 20
    while alive(process.pid):
        assert time.monotonic() < left, "nothing of it is left"
        time.sleep(0.1)


def alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def read(path):
    try:
        return path.read_text()
    except FileNotFoundError:  # the cell has just ended
        return ""
