"""Cells in worker processes: the numbers of one process, and what dies is one failed cell."""

import os
import signal
import sys
from pathlib import Path

import pytest

from medtail.benchmark.execution.launch import check, processes
from medtail.benchmark.execution.store import Store
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import bench, cell


class Ending:
    """A progress note that ends the process that writes it."""

    def __init__(self, how):
        self.how = how

    @property
    def parent(self):
        if self.how == "exit":
            sys.exit(3)
        os.kill(os.getpid(), self.how)

    def unlink(self, missing_ok):
        pass


def doomed(store, how):
    job = store.job(cell("focal"), 1)
    return type(job)(job.cell, job.store, Ending(how), 1, job.network)


@pytest.mark.slow
def test_processes_give_the_numbers_of_inline(store, tmp_path):
    cells = [cell("erm"), cell("focal"), cell("erm", params={"no_such": 1})]
    _, failures = bench(cells, store, processes.launch)
    assert len(failures) == 1
    assert "no_such" in failures[0]
    alone = Store(tmp_path / "alone")
    bench(cells[:2], alone)
    for one in cells[:2]:
        assert store.read(one).predictions == alone.read(one).predictions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "said"),
    [
        (signal.SIGKILL, "its process died (signal SIGKILL): the system may be out of memory"),
        (signal.SIGSEGV, "its process died (signal SIGSEGV)"),
        ("exit", "SystemExit: 3"),
    ],
)
def test_a_dead_worker_is_a_failed_cell_and_the_others_go_on(store, how, said):
    jobs = [doomed(store, how), store.job(cell("ncm"), 1), store.job(cell("erm"), 1)]
    records = {o.record.cell.method: o.record for o in processes.launch(jobs, workers=1)}
    assert records["focal"].status == "failed"
    assert records["focal"].reason == said
    assert records["ncm"].status == records["erm"].status == "ok"


@pytest.mark.slow
def test_a_worker_says_nothing_on_the_terminal(store, capfd):
    job = store.job(cell("erm"), 1)
    noisy = type(job)(job.cell, job.store, Loud(), 1, job.network)
    list(processes.launch([noisy]))
    assert capfd.readouterr() == ("", "")


class Loud(type(Path())):
    """A progress note that talks."""

    def __new__(cls):
        return super().__new__(cls, "note")

    def __reduce__(self):
        return Loud, ()

    def write_text(self, text):
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
    with pytest.raises(MedtailError, match="--launcher rya: write auto, inline, processes, ray"):
        check("rya")
    with pytest.raises(MedtailError, match="--launcher inline takes no --ray-address"):
        check("inline", "here:1")
