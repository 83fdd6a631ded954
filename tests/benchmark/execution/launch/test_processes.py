"""Cells in worker processes: the numbers of one process, and what dies is one failed cell."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from medtail.benchmark.execution.launch import check, processes
from medtail.datamodules.core.errors import MedtailError
from tests import few
from tests.benchmark.cells import cell
from tests.benchmark.execution.launch.cases import reason_of_a_dead_one


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "said"),
    few(
        [
            (signal.SIGKILL, "its process died (signal SIGKILL): the system may be out of memory"),
            (signal.SIGSEGV, "its process died (signal SIGSEGV)"),
            ("exit", "SystemExit: 3"),
            ("exit at once", "its process died (exit status 0)"),
        ],
        ("exit at once", "its process died (exit status 0)"),
    ),
)
def test_a_dead_worker_is_a_failed_cell_and_the_others_go_on(store, how, said):
    assert reason_of_a_dead_one(store, partial(processes.launch, workers=1), how) == said


@pytest.mark.slow
def test_a_worker_says_nothing_on_the_terminal(store, capfd):
    job = store.job(cell("erm"), 1)
    noisy = type(job)(job.cell, job.store, Loud(), 1, job.network)
    list(processes.launch([noisy]))
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_workers_never_see_signals_that_are_held_back(store):
    job = store.job(cell("erm"), 1)
    struck = type(job)(job.cell, job.store, Struck(), 1, job.network)
    signals = {signal.SIGUSR2, signal.SIGTERM}
    assert [o.record.status for o in processes.launch([struck], held_back=signals)] == ["ok"]
    assert not signals & signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert [o.record.status for o in processes.launch([struck])] == ["failed"]


class Struck(type(Path())):
    """A progress note whose process is signalled as Slurm does it."""

    def __new__(cls):
        return super().__new__(cls, "note")

    def __reduce__(self):
        return Struck, ()

    def write_text(self, text, encoding):
        os.kill(os.getpid(), signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGTERM)


class Loud(type(Path())):
    """A progress note that talks."""

    def __new__(cls):
        return super().__new__(cls, "note")

    def __reduce__(self):
        return Loud, ()

    def write_text(self, text, encoding):
        print(text)  # noqa: T201
        os.write(2, b"to the terminal")


def test_more_devices_than_there_are_is_one_clear_line(store):
    with pytest.raises(MedtailError, match="--devices 1000: there are"):
        list(processes.launch([store.job(cell(), 1000)], workers=2))


def test_gpus_are_dealt_out_singly_or_in_groups(monkeypatch):
    monkeypatch.setattr(processes.torch.cuda, "device_count", lambda: 5)
    monkeypatch.delenv(processes.VISIBLE, raising=False)
    assert processes.visible(1) == ["0", "1", "2", "3", "4"]
    assert processes.visible(2) == ["0,1", "2,3"], "a group that is not full is not used"
    monkeypatch.setenv(processes.VISIBLE, "3,GPU-a,7")
    assert processes.visible(1) == ["3", "GPU-a", "7"], "those that the user left visible"


def test_a_launcher_that_is_none_is_one_clear_line():
    with pytest.raises(
        MedtailError, match="--launcher rya: write auto, inline, processes, ray, slurm"
    ):
        check("rya")
    with pytest.raises(MedtailError, match="--launcher inline takes no --ray-address"):
        check("inline", "here:1")
    with pytest.raises(MedtailError, match="--launcher ray takes no --slurm"):
        check("ray", slurm=["time=3"])
