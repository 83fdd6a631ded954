"""Ctrl-C keeps what is done."""

import os
import signal
import subprocess
import sys
import time

import pytest

from medtail.benchmark.execution import worker
from tests.benchmark.cells import bench, cell


def test_an_interrupt_keeps_what_is_done(store):
    def launcher(jobs):
        yield worker.run(jobs[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench([cell("tau_norm"), cell("ncm")], store, launcher)
    assert store.done(cell("tau_norm"))
    assert not store.done(cell("ncm"))


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["inline", "processes", "ray"])
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
