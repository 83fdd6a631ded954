"""Slurm's jobs as they really run: by submitit's local executor, and by a Slurm where there is one.

A Slurm of one machine is set up by ``one_machine_slurm.sh start`` beside this file.
"""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from submitit import LocalExecutor

from medtail.benchmark.execution.launch import slurm
from medtail.benchmark.execution.launch.array import Exchange
from medtail.benchmark.execution.launch.resources import read
from medtail.benchmark.execution.limit import reason
from tests.benchmark.cells import QUICK, cell
from tests.benchmark.execution.launch import cases

EPOCHS = 12
LONG = QUICK.model_copy(update={"epochs": EPOCHS})


@dataclass
class Local:
    """Submitit's jobs on this machine, without Slurm."""

    exchange: Exchange
    jobs: dict = field(default_factory=dict)

    def submit(self, tasks, mark, at_a_time):
        executor = LocalExecutor(self.exchange.logs)
        executor.update_parameters(timeout_min=10, signal_delay_s=30)
        found = executor.submit_array(tasks)
        self.jobs |= {f"{mark}/{number}": job for number, job in enumerate(found)}
        return [job.job_id for job in found]

    def alive(self):
        return {place: job.job_id for place, job in self.jobs.items() if not job.done()}

    def preempt(self):
        """As Slurm does: to every process of every job."""
        for job in self.jobs.values():
            for number in (signal.SIGTERM, signal.SIGUSR2):
                for process in reversed(below(int(job.job_id))):  # its workers first
                    os.kill(process, number)


def below(process):
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [inner for child in map(int, children) for inner in (child, *below(child))]


@pytest.fixture
def local(store):
    return Local(Exchange(store.root / "slurm"))


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(slurm, "LOOK", 0.1)
    monkeypatch.setattr(slurm, "ASK", 1.0)


@pytest.mark.slow
def test_jobs_give_the_numbers_of_inline(store, tmp_path, local):
    launcher = partial(slurm.launch, resources=read(["cells=2"]), queue=local)
    cases.gives_the_numbers_of_inline(launcher, store, tmp_path)


@pytest.mark.thorough
@pytest.mark.slow
def test_a_dead_worker_is_a_failed_cell_and_the_others_go_on(store, local):
    launcher = partial(slurm.launch, resources=read([]), queue=local)
    reason = cases.reason_of_a_dead_one(store, launcher, signal.SIGKILL)
    assert reason == "its process died (signal SIGKILL): the system may be out of memory"


@pytest.mark.thorough
@pytest.mark.slow
def test_a_cell_that_hangs_has_an_end_and_the_others_go_on(store, local):
    launcher = partial(slurm.launch, resources=read(["cells=3"]), queue=local)
    found = cases.reason_of_a_dead_one(store, launcher, "hang", limit=8.0)
    assert found == reason(8)


def when(ready, act):
    """Do something as soon as a diary says that the time has come."""

    def wait():
        deadline = time.monotonic() + 250
        while not ready():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        act()

    thread = Thread(target=wait)
    thread.start()
    return thread


def goes_on(diary):
    """A cell that was ended once trained no epoch before its checkpoint again."""
    assert diary.lines.count("preparing") == 2
    assert diary.lines.count("epoch 1/12") == 1
    assert diary.lines.count(f"epoch {EPOCHS}/{EPOCHS}") == 1


@pytest.mark.thorough
@pytest.mark.slow
def test_a_preempted_job_goes_on_from_its_checkpoint_to_the_same_bit(store, tmp_path, local):
    mine = cell("mixup", selection="last", budget=LONG)
    job = cases.with_diary(store.job(mine, 1, keep=False), tmp_path)
    preempting = when(lambda: "epoch 3/12" in job.progress.lines, local.preempt)
    (outcome,) = slurm.launch([job], resources=read([]), queue=local)
    preempting.join()
    assert outcome.record.status == "ok", outcome.record.reason
    goes_on(job.progress)
    assert [outcome.record.predictions] == cases.predictions_inline([mine], tmp_path / "alone")


@pytest.fixture
def real_slurm():
    """A Slurm that answers, whose partition ``urgent`` preempts ``usual``."""
    asked = ["sinfo", "--noheader", "--format=%R"]
    if shutil.which("sinfo") is None:
        pytest.skip("no Slurm here: apt-get install slurm-wlm munge")
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    if not {"usual", "urgent"} <= set(told.stdout.split()):
        pytest.skip("no Slurm that answers: one_machine_slurm.sh start, then export SLURM_CONF")


@pytest.mark.slow
@pytest.mark.slurm
@pytest.mark.timeout(900)
def test_slurm_preempts_and_a_second_driver_takes_up_what_the_first_has_sent(
    store, tmp_path, real_slurm
):
    cells = [cell("mixup", selection="last", budget=LONG), cell("erm")]
    long, short = (cases.with_diary(store.job(one, 1, keep=False), tmp_path) for one in cells)
    launch = partial(slurm.launch, resources=read(["partition=usual,time=20,mem=2"]))
    first = launch([long, short], workers=1)
    preempting = when(lambda: "epoch 3/12" in long.progress.lines, preempt)
    found = [next(first)]
    first.close()  # the driver ends
    exchange = Exchange(store.root / "slurm")
    rest = [job for job in (long, short) if job.cell != found[0].record.cell]
    found += launch(rest)
    preempting.join()
    assert len(list(exchange.logs.glob("*_submission.sh"))) == 1, "the second driver sent nothing"
    records = {outcome.record.cell_id: outcome.record for outcome in found}
    assert {record.status for record in records.values()} == {"ok"}, records
    goes_on(long.progress)
    assert short.progress.lines.count("preparing") == 1
    expected = cases.predictions_inline(cells, tmp_path / "alone")
    assert [records[one.id].predictions for one in cells] == expected


def preempt():
    """An urgent job that needs the whole machine."""
    urgent = ["sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 1"]
    subprocess.run(urgent, check=True, capture_output=True)
