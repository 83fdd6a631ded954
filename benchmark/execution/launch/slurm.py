"""Cells as arrays of Slurm jobs, through submitit: preempted ones go on from their checkpoints.

The driver may end and come again: jobs are found by the mark that their comment holds, and their
results by the cells they are of. So no cell is submitted while a job of it waits or runs.
"""

import contextlib
import hashlib
import io
import os
import shlex
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from medtail.datamodules.core.errors import MedtailError, first_line

from ..failure import failed
from ..job import Job, Outcome
from ..worker import worker_environment
from .array import Exchange, Task
from .resources import Resources

LOOK = 1.0  # seconds from one look for results to the next
ASK = 10.0  # and of questions to Slurm, which answers for a whole cluster
PATIENCE = 3  # answers without a job until it is lost: a shared disk may show its result late
LONGEST = 1000  # jobs of an array; Slurm's own limit is 1001 by default


class Queue(Protocol):
    """A batch system."""

    def submit(self, tasks: Sequence[Task], mark: str, at_a_time: int) -> list[str]:
        """Submit tasks under a mark; their ids. Raises ``MedtailError`` where they are refused."""
        ...

    def alive(self) -> dict[str, str] | None:
        """Jobs that wait or run, by ``mark/number``, and their ids; None without an answer."""
        ...


def name_of(root: Path) -> str:
    """The name of all Slurm jobs of a folder of results."""
    return f"medtail-{hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:8]}"


@dataclass
class Slurm:
    """Slurm, by ``sbatch`` and ``squeue``: it needs no accounting.

    Attributes:
        exchange: where logs go.
        name: of the jobs.
        resources: of each.
    """

    exchange: Exchange
    name: str
    resources: Resources = field(default_factory=Resources)

    def submit(self, tasks: Sequence[Task], mark: str, at_a_time: int) -> list[str]:
        """As one array."""
        from submitit import SlurmExecutor
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        ask = self.resources
        executor = SlurmExecutor(self.exchange.logs, max_num_timeout=ask.requeues)
        cpus = ask.cpus or max(sum(job.devices for job in task.jobs) for task in tasks)
        executor.update_parameters(
            job_name=self.name,
            comment=mark,
            wckey=None,
            time=ask.time,
            mem=f"{round(ask.mem * 1024)}M" if ask.mem else None,
            gpus_per_node=ask.gpus or None,
            ntasks_per_node=1,
            cpus_per_task=cpus,
            array_parallelism=at_a_time or len(tasks),
            signal_delay_s=30,
            setup=[*ask.setup, *_exports()],
            srun_args=[f"--cpus-per-task={cpus}"],  # srun takes it from sbatch no more
            additional_parameters={"requeue": True, **ask.given},
        )
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # the same text, raw
                return [job.job_id for job in executor.submit_array(tasks)]
        except (FailedJobError, FailedSubmissionError) as error:
            text = first_line(error).removeprefix("sbatch: error: ")
            raise MedtailError(f"sbatch refuses the jobs: {text}") from error

    def alive(self) -> dict[str, str] | None:
        """From ``squeue``, one line for each job of an array."""
        asked = ["squeue", "--noheader", "--array", "--format=%i|%k", f"--name={self.name}"]
        try:
            told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        found = {}
        for line in told.stdout.split():
            job, _, mark = line.partition("|")
            found[f"{mark}/{job.partition('_')[2] or 0}"] = job
        return found


def _exports() -> list[str]:
    """Lines of shell: sites differ in what of its environment a job gets."""
    return [f"export {name}={shlex.quote(value)}" for name, value in worker_environment().items()]


@dataclass
class Waiting:
    """Cells whose results are to come.

    Attributes:
        jobs: by cell id.
        places: ``mark/number`` of the Slurm job each went into.
        own: marks of this driver.
        missed: answers of Slurm in a row in which a cell's job was no more.
        ids: of the Slurm jobs.
    """

    jobs: dict[str, Job]
    places: dict[str, str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    missed: dict[str, int] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def lost(self, alive: dict[str, str], arrived: set[str]) -> list[Job]:
        """Cells that have no result and, for some time, no Slurm job any more."""
        self.ids |= alive
        found = []
        for cell, job in self.jobs.items():
            gone = self.places[cell] not in alive and cell not in arrived
            self.missed[cell] = self.missed.get(cell, 0) + 1 if gone else 0
            if self.missed[cell] >= PATIENCE:
                found.append(job)
        return found


def _send(
    jobs: Sequence[Job], waiting: Waiting, exchange: Exchange, queue: Queue, size: int, most: int
) -> None:
    """Submit cells, so many to a job, and note which went where."""
    if not jobs:
        return
    groups = [tuple(jobs[start : start + size]) for start in range(0, len(jobs), size)]
    arrays = [groups[start : start + LONGEST] for start in range(0, len(groups), LONGEST)]
    for array in arrays:
        mark = uuid.uuid4().hex[:12]
        tasks = [Task(group, exchange, f"{mark}/{n}") for n, group in enumerate(array)]
        for job, place in ((job, task.place) for task in tasks for job in task.jobs):
            exchange.want(job, place)
            waiting.places[job.cell.id] = place
        ids = queue.submit(tasks, mark, max(1, most // size // len(arrays)) if most else 0)
        waiting.ids |= {task.place: number for task, number in zip(tasks, ids, strict=True)}
        waiting.own.add(mark)


def _failure(job: Job, waiting: Waiting, exchange: Exchange) -> Outcome:
    """Of a cell whose Slurm job ended without a result: cancelled, killed, never started."""
    number = waiting.ids.get(waiting.places[job.cell.id], "")
    logs = [exchange.logs / f"{number}_0_log.{end}" for end in ("err", "out")] if number else []
    text = "\n".join(
        path.read_text(encoding="utf-8", errors="replace") for path in logs if path.exists()
    )
    lines = [line for line in text.splitlines() if line.strip()]
    why = lines[-1] if lines else "it left no log: do its nodes see this folder?"
    outcome = failed(job.cell, MedtailError(f"Slurm job {number or '?'} gave no result: {why}"))
    return Outcome(outcome.record, traceback=text or outcome.traceback)


def launch(
    jobs: Sequence[Job],
    *,
    cells_per_gpu: int = 1,
    workers: int = 0,
    resources: Resources,
    queue: Queue | None = None,
) -> Iterator[Outcome]:
    """Run ``jobs`` as Slurm jobs. Closing the iterator leaves them: whoever comes next finds them.

    Args:
        jobs: to run.
        cells_per_gpu: small cells that share a GPU; a cell of several devices has its own.
        workers: cells at a time; 0 for as many as Slurm lets run.
        resources: of each Slurm job.
        queue: a batch system; Slurm where it is None.

    Raises:
        MedtailError: Slurm does not answer, or refuses the jobs.
    """
    root = jobs[0].store.parent
    exchange = Exchange(root / "slurm")
    queue = queue or Slurm(exchange, name_of(root), resources)
    size = resources.bundle(max(job.devices for job in jobs), cells_per_gpu)
    alive = queue.alive()
    if alive is None:
        raise MedtailError("squeue gives no answer: is this a machine of a Slurm cluster?")
    exchange.drop_stale(jobs)
    before = {cell: place for cell, place in exchange.wanted().items() if place in alive}
    waiting = Waiting({job.cell.id: job for job in jobs})
    waiting.places = {job.cell.id: before.get(job.cell.id, "") for job in jobs}
    new = [job for job in jobs if job.cell.id not in before and not exchange.has(job)]
    _send(new, waiting, exchange, queue, size, workers)
    asked = time.monotonic()
    while waiting.jobs:
        for cell in waiting.jobs.keys() & exchange.arrived():
            yield from exchange.take(waiting.jobs.pop(cell))
        if time.monotonic() - asked >= ASK and (alive := queue.alive()) is not None:
            asked = time.monotonic()
            for job in waiting.lost(alive, exchange.arrived()):
                if waiting.places[job.cell.id].partition("/")[0] in waiting.own:
                    del waiting.jobs[job.cell.id]
                    job.progress.unlink(missing_ok=True)
                    exchange.drop(job)
                    yield _failure(job, waiting, exchange)
                else:  # somebody ended what an earlier driver had submitted
                    waiting.missed[job.cell.id] = 0
                    _send([job], waiting, exchange, queue, 1, workers)
        time.sleep(LOOK if waiting.jobs else 0)


def launcher(workers: int, resources: Resources) -> partial[Iterator[Outcome]]:
    """``launch`` with its settings; ``MedtailError`` where submitit or Slurm is not there."""
    if find_spec("submitit") is None:
        raise MedtailError("submitit is not installed: pip install 'medtail[slurm]'")
    if missing := [name for name in ("sbatch", "squeue", "srun") if shutil.which(name) is None]:
        raise MedtailError(f"--launcher slurm: no {missing[0]} on the PATH: run it on a login node")
    return partial(launch, workers=workers, resources=resources)
