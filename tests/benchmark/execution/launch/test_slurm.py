"""The Slurm launcher against a queue of the test's own, and programs that stand in for Slurm's."""

import os
import sys
from dataclasses import dataclass, field, replace

import pytest

from medtail.benchmark.execution import worker
from medtail.benchmark.execution.launch import array, choose, left, slurm
from medtail.benchmark.execution.launch.array import Exchange, Task
from medtail.benchmark.execution.launch.resources import Resources, read
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import cell

NAMES = ("erm", "focal", "ncm")


@dataclass
class Queue:
    """Jobs that the test ends.

    Attributes:
        at_once: each job gives its results as it is submitted.
    """

    at_once: bool = False
    jobs: dict = field(default_factory=dict)
    sizes: list = field(default_factory=list)

    def submit(self, tasks, mark, at_a_time):
        self.sizes.append(([len(task.jobs) for task in tasks], at_a_time))
        for number, task in enumerate(tasks):
            if self.at_once:
                finish(task)
            else:
                self.jobs[f"{mark}/{number}"] = task
        return [f"7_{number}" for number in range(len(tasks))]

    def alive(self):
        return {place: f"7_{place.partition('/')[2]}" for place in self.jobs}


def finish(task):
    for job in task.jobs:
        task.exchange.put(worker.failed(job.cell, MedtailError("as it was asked to")))


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(slurm, "LOOK", 0.0)
    monkeypatch.setattr(slurm, "ASK", 0.0)


@pytest.fixture
def jobs(store):
    return [store.job(cell(name), 1) for name in NAMES]


def start(jobs, queue, **options):
    return slurm.launch(jobs, **({"resources": Resources(), "queue": queue} | options))


def test_every_result_comes_once_and_nothing_is_left(jobs, store):
    queue = Queue(at_once=True)
    outcomes = list(start(jobs, queue))
    assert sorted(o.record.cell.method for o in outcomes) == sorted(NAMES)
    assert {o.record.reason for o in outcomes} == {"as it was asked to"}
    assert queue.sizes == [([1, 1, 1], 0)]
    exchange = Exchange(store.root / "slurm")
    assert not exchange.arrived()
    assert not exchange.wanted()


def test_cells_are_packed_and_arrays_are_short(jobs, monkeypatch):
    monkeypatch.setattr(slurm, "LONGEST", 1)
    queue = Queue(at_once=True)
    assert len(list(start(jobs, queue, resources=Resources(cells=2), workers=8))) == 3
    assert queue.sizes == [([2], 2), ([1], 2)], "8 at a time are 2 jobs of 2 in each of 2 arrays"


def begun(jobs, queue, amount=1):
    """A driver that ends when it has so many results."""
    running = start(jobs, queue)
    first = queue.submit

    def submit(tasks, mark, at_a_time):
        ids = first(tasks, mark, at_a_time)
        for place in list(queue.jobs)[:amount]:
            finish(queue.jobs.pop(place))
        return ids

    queue.submit = submit
    outcomes = [next(running) for _ in range(amount)]
    queue.submit = first
    running.close()
    return outcomes


def test_a_driver_that_comes_again_submits_nothing_that_waits_or_runs(jobs):
    queue = Queue()
    begun(jobs, queue)
    queue.sizes.clear()
    still = list(queue.jobs.values())
    assert len(still) == 2, "the end of a driver ends no job"
    finish(still[0])  # between the two drivers
    running = start([job for task in still for job in task.jobs], queue)
    next(running)
    finish(still[1])
    next(running)
    assert not queue.sizes
    assert next(running, None) is None


def test_what_somebody_cancelled_between_two_drivers_is_submitted_again(jobs):
    queue = Queue()
    begun(jobs, queue)
    queue.jobs.popitem()
    queue.sizes.clear()
    queue.at_once = True
    waiting = [job for task in queue.jobs.values() for job in task.jobs]
    others = [job for job in jobs[1:] if job not in waiting]
    assert len(list(start(others, queue))) == 1
    assert queue.sizes == [([1], 0)]


def test_what_is_cancelled_while_a_later_driver_waits_is_submitted_again(jobs):
    queue = Queue()
    begun(jobs, queue)
    rest = [job for task in queue.jobs.values() for job in task.jobs]
    queue.sizes.clear()
    asked = queue.alive

    def alive():
        found = asked()
        queue.jobs.clear()  # scancel, after the first answer
        queue.at_once = True
        return found

    queue.alive = alive
    assert len(list(start(rest, queue))) == 2
    assert queue.sizes == [([1], 0), ([1], 0)]


def test_a_job_that_ends_without_a_result_is_a_failed_cell_with_its_last_words(jobs, store):
    class Cancelling(Queue):
        def alive(self):  # two are over before they are asked for
            for place in [p for p in self.jobs if not p.endswith("/0")]:
                del self.jobs[place]
            for task in self.jobs.values():
                finish(task)
            return super().alive()

    logs = store.root / "slurm/logs"
    logs.mkdir(parents=True)
    (logs / "7_1_0_log.err").write_text(
        "starts\nslurmstepd: error: CANCELLED DUE TO TIME LIMIT\n\n"
    )
    jobs[1].progress.parent.mkdir()
    jobs[1].progress.write_text("epoch 3")
    outcomes = {o.record.cell.method: o for o in start(jobs, Cancelling())}
    told = "Slurm job 7_1 gave no result: slurmstepd: error: CANCELLED DUE TO TIME LIMIT"
    assert outcomes["focal"].record.reason == told
    assert outcomes["focal"].traceback.startswith("starts")
    assert "7_2 gave no result: it left no log" in outcomes["ncm"].record.reason
    assert not jobs[1].progress.exists()


def test_a_result_of_other_code_that_was_left_is_not_taken(jobs, store, monkeypatch):
    exchange = Exchange(store.root / "slurm")
    good = worker.failed(jobs[0].cell, MedtailError("old"))
    good = replace(good, record=good.record.model_copy(update={"status": "ok", "reason": ""}))
    exchange.put(good)
    exchange.put(replace(good, record=good.record.model_copy(update={"cell_id": jobs[1].cell.id})))
    monkeypatch.setattr(array, "changed", lambda record, one: "code" * (one == jobs[0].cell))
    (store.root / "slurm/outcomes" / jobs[2].cell.id).write_bytes(b"of another version")
    exchange.drop_stale(jobs)
    assert exchange.arrived() == {jobs[1].cell.id}


def test_a_task_runs_what_has_no_result_and_makes_failures_of_what_stops_it(jobs, monkeypatch):
    exchange = Exchange(jobs[0].store.parent / "slurm")
    exchange.put(worker.failed(jobs[0].cell, MedtailError("before")))
    for job in jobs:
        exchange.want(job, "abc/4")
    seen = []

    def launch(mine, workers, held_back):
        assert "SLURM_NTASKS" not in os.environ
        seen.extend((job.cell.method, job.network, workers) for job in mine)
        yield worker.failed(mine[0].cell, MedtailError("first"))
        raise RuntimeError("Job not requeued because: timed-out too many times.")

    monkeypatch.setenv("SLURM_NTASKS", "1")
    monkeypatch.setattr(array.processes, "launch", launch)
    Task(tuple(jobs), exchange, "def/4")()
    assert not seen, "they went into another job"
    Task(tuple(jobs), exchange, "abc/4")()
    assert seen == [(job.cell.method, exchange.network(job.cell.id), 2) for job in jobs[1:]]
    reasons = [outcome.record.reason for job in jobs for outcome in exchange.take(job)]
    assert reasons[:2] == ["before", "first"]
    assert "timed-out too many times" in reasons[2]
    seen.clear()
    exchange.drop(jobs[0])
    Task(tuple(jobs), exchange, "abc/4")()
    assert not [name for name, *_ in seen if name == "erm"], "requeued when its result was taken"


def program(folder, name, text):
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)


@pytest.fixture
def slurm_programs(tmp_path, monkeypatch):
    """sbatch that keeps its script, squeue that knows one array, srun."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    keep = f"import shutil, sys; shutil.copy(sys.argv[1], {str(tmp_path / 'script')!r})"
    program(folder, "sbatch", f"{keep}; print('Submitted batch job 41')")
    program(folder, "squeue", "print('41_0|abc\\n41_12|abc\\n40|def\\n39|(null)')")
    program(folder, "srun", "")
    return folder


def test_sbatch_is_asked_for_what_was_written(jobs, slurm_programs, tmp_path):
    exchange = Exchange(tmp_path / "runs/slurm")
    asked = read(["partition=gpu,time=1-0,gpus=2,mem=1.5,requeues=4", "setup=module load x"])
    queue = slurm.Slurm(exchange, "medtail-1", asked)
    ids = queue.submit([Task(tuple(jobs), exchange, "")] * 3, "abc", 2)
    assert ids == ["41_0", "41_1", "41_2"]
    script = (tmp_path / "script").read_text()
    for line in (
        "partition=gpu",
        "time=1440",
        "gpus-per-node=2",
        "mem=1536M",
        "requeue",
        "array=0-2%2",
        "comment=abc",
        "job-name=medtail-1",
        "cpus-per-task=3",
    ):
        assert f"#SBATCH --{line}\n" in script
    assert "wckey" not in script
    assert script.index("module load x") < script.index("export OMP_NUM_THREADS=1")
    assert f"export MEDTAIL_DATA={tmp_path / 'data'}\n" in script


def test_squeue_tells_which_jobs_wait_or_run(slurm_programs, tmp_path):
    queue = slurm.Slurm(Exchange(tmp_path), "medtail-1")
    found = {"abc/0": "41_0", "abc/12": "41_12", "def/0": "40", "(null)/0": "39"}
    assert queue.alive() == found
    program(slurm_programs, "squeue", "raise SystemExit(1)")
    assert queue.alive() is None


def test_a_refusal_is_one_clear_line(jobs, slurm_programs, capfd):
    said = "sbatch: error: invalid partition specified: gpu"
    program(slurm_programs, "sbatch", f"raise SystemExit({said!r})")
    with pytest.raises(MedtailError, match="sbatch refuses the jobs: invalid partition") as caught:
        list(start(jobs, None))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_without_slurm_or_submitit_it_is_one_clear_line(jobs, slurm_programs, monkeypatch):
    choose("slurm", 1)
    assert choose("auto", 1, slurm=["time=3"]).keywords["resources"].time == 3
    program(slurm_programs, "squeue", "raise SystemExit(1)")
    with pytest.raises(MedtailError, match="squeue gives no answer"):
        list(start(jobs, None))
    (slurm_programs / "sbatch").unlink()
    monkeypatch.setenv("PATH", str(slurm_programs))
    with pytest.raises(MedtailError, match="--launcher slurm: no sbatch on the PATH"):
        choose("slurm", 1)
    monkeypatch.setattr(slurm, "find_spec", lambda name: None)
    with pytest.raises(MedtailError, match="pip install 'medtail\\[slurm\\]'"):
        choose("slurm", 1)


def test_no_other_launcher_runs_what_slurm_has(jobs, store, slurm_programs):
    cells = [job.cell for job in jobs]
    left.check(store.root, cells, "inline")
    Exchange(store.root / "slurm").want(jobs[0], "def/0")
    left.check(store.root, cells[1:], "inline")
    left.check(store.root, cells, "slurm")
    with pytest.raises(MedtailError, match="1 of these cells wait or run as Slurm jobs: use"):
        left.check(store.root, cells, "inline")
    assert "scancel --name=medtail-" in left.of_interrupted(store.root, cells)
    assert left.of_interrupted(store.root, cells[1:]) == ""
