"""What a job of a batch system does, and the shared folder over which it hands results back.

One file for each cell, renamed into place: a job that is ended keeps what it has done, and a driver
that comes later finds it. Only the driver makes records of them.
"""

import os
import pickle
import shutil
import signal
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from ..contents import changed
from ..failure import failed
from ..job import Job, Outcome
from . import processes

# What ends a job comes to all of its processes; the first one alone is to answer.
HELD_BACK = frozenset({signal.SIGUSR2, signal.SIGTERM})


@dataclass(frozen=True)
class Exchange:
    """The folder between the driver and its jobs.

    Attributes:
        root: on a disk that both see.
    """

    root: Path

    @property
    def logs(self) -> Path:
        """What the batch system and submitit write."""
        return self.root / "logs"

    def network(self, cell: str) -> Path:
        """Where a job leaves the network of a cell; the driver empties its own such folder."""
        return self.root / "networks" / cell

    def _outcome(self, cell: str) -> Path:
        return self.root / "outcomes" / cell

    def want(self, job: Job, place: str) -> None:
        """Keep which Slurm job a cell is about to go into: before it does, so none is unknown."""
        _put(self.root / "wanted" / job.cell.id, place.encode())

    def wanted(self) -> dict[str, str]:
        """Cells that are awaited, by id, and the jobs that they went into, ``mark/number``."""
        return {
            path.name: path.read_text(encoding="utf-8") for path in _whole(self.root / "wanted")
        }

    def put(self, outcome: Outcome) -> None:
        """Hand a result over."""
        _put(self._outcome(outcome.record.cell_id), pickle.dumps(outcome))

    def arrived(self) -> set[str]:
        """Ids of cells whose results are there."""
        return {path.name for path in _whole(self.root / "outcomes")}

    def has(self, job: Job) -> bool:
        """Whether a result is there."""
        return self._outcome(job.cell.id).exists()

    def take(self, job: Job) -> Iterator[Outcome]:
        """A result with its network where the driver looks for it; it goes when it is recorded."""
        path = self._outcome(job.cell.id)
        outcome: Outcome = pickle.loads(path.read_bytes())
        network = self.network(job.cell.id)
        if job.network and network.is_dir():
            job.network.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(job.network, ignore_errors=True)
            shutil.move(network, job.network)
        yield outcome
        self.drop(job)

    def drop(self, job: Job) -> None:
        """Await a cell no more, and remove what was handed over of it."""
        (self.root / "wanted" / job.cell.id).unlink(missing_ok=True)
        self._outcome(job.cell.id).unlink(missing_ok=True)
        shutil.rmtree(self.network(job.cell.id), ignore_errors=True)

    def drop_stale(self, jobs: Iterable[Job]) -> None:
        """Remove results that an earlier driver left and that do not stand any more."""
        for job in filter(self.has, jobs):
            try:
                record = pickle.loads(self._outcome(job.cell.id).read_bytes()).record
                stale = record.status == "ok" and changed(record, job.cell) != ""
            except Exception:  # of another version of medtail
                stale = True
            if stale:
                self.drop(job)


@dataclass(frozen=True)
class Task:
    """Cells that a job runs side by side; called on its node.

    Attributes:
        jobs: of the cells.
        exchange: where results go.
        place: ``mark/number`` of the job.
    """

    jobs: tuple[Job, ...]
    exchange: Exchange
    place: str

    def __call__(self) -> None:
        """Run what is awaited of it and has no result: Slurm may run again what was over."""
        os.environ.pop("SLURM_NTASKS", None)  # Lightning would take the job's tasks for its own
        wanted = self.exchange.wanted()
        mine = [job for job in self.jobs if wanted.get(job.cell.id) == self.place]
        left = [job for job in mine if not self.exchange.has(job)]
        if not left:
            return
        ready = [self._with_network(job) for job in left]
        workers = sum(job.devices for job in left)
        try:
            running = processes.launch(ready, workers=workers, held_back=HELD_BACK)
            with closing(running) as outcomes:
                for outcome in outcomes:
                    self.exchange.put(outcome)
        except Exception as error:  # too few GPUs, or out of time too often
            for job in left:
                if not self.exchange.has(job):
                    self.exchange.put(failed(job.cell, error))

    def _with_network(self, job: Job) -> Job:
        return replace(job, network=self.exchange.network(job.cell.id)) if job.network else job

    def checkpoint(self) -> object:
        """What submitit runs when the job was preempted or out of time: the same once more."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _put(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)


def _whole(folder: Path) -> list[Path]:
    """Its files, without those that are being written."""
    return [p for p in folder.iterdir() if p.suffix != ".part"] if folder.is_dir() else []
