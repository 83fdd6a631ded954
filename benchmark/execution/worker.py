"""A cell -> a Record and predictions: what a worker does. Writes no record."""

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from medtail import datamodules
from medtail.datamodules.core.base import ImageDataModule, cache_root, data_root
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.loading.machine import SIDE_BY_SIDE
from medtail.datamodules.core.nesting import nest

from .. import tracks
from ..evidence.record import Cost, Record
from ..features.standing_in import stand_in
from ..grid.cell import Cell, Terms
from ..networks import keeping
from ..tracks import checkpoints, memory
from ..tracks.arithmetic import exact_float32
from ..tracks.outcome import Scored, Tell
from . import contents, thrift
from .failure import failed
from .job import Job, Outcome, noting
from .limit import TimeLimitError, limited
from .provenance import provenance


@lru_cache(maxsize=2)
def prepared(terms: Terms) -> ImageDataModule:
    """The data of a cell, kept for the next cell of the same worker."""
    data = datamodules.build(
        terms.data,
        terms.image_size,
        augment=terms.augment,
        normalisation=terms.constants,
        **terms.arguments,
    )
    data.prepare()
    if terms.inner_fold:
        nest(data, terms.inner_folds, terms.inner_fold)
    stand_in(terms, data)
    if terms.budget.precision == "64-true":
        data.dtype = torch.float64
    return data


@dataclass(frozen=True)
class Note:
    """Writes how far a cell is into a file; travels to spawned processes."""

    path: Path
    cell: str

    def __call__(self, line: str) -> None:
        """Replace the note."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(f"{self.cell}: {line}", encoding="utf-8")


@noting
def run(job: Job) -> Outcome:
    """Train and score a cell, in its time. Any exception becomes a failed record; Ctrl-C passes."""
    torch.set_num_threads(1 if not torch.cuda.is_available() else torch.get_num_threads())
    tell = Note(job.progress, str(job.cell))
    memory.begin()
    tried, started = job.cell, time.perf_counter()
    try:
        with limited(job):
            outcome, lacking = _attempt(job, tried, started, tell, "preparing")
            half = thrift.halved(job.cell)
            if lacking and thrift.can_be_cut(half, prepared(half.terms), job.devices):
                tried = half
                memory.give_back()
                line = "out of memory: once more with half as many images at a time"
                outcome, _ = _attempt(job, tried, started, tell, line)
    except TimeLimitError as error:  # its checkpoints stay: with more time it goes on
        return failed(job.cell, error)
    finally:
        job.progress.unlink(missing_ok=True)
        memory.give_back()
    for cell in (job.cell, tried):
        checkpoints.forget(checkpoints.folder_of(job.store, cell.id))
    return outcome


def _attempt(job: Job, tried: Cell, started: float, tell: Tell, line: str) -> tuple[Outcome, bool]:
    """An outcome, and whether it is a failure for lack of memory; no error is held on to."""
    try:
        tell(line)
        return _run(job, tried, started, tell), False
    except (KeyboardInterrupt, TimeLimitError):
        raise
    except BaseException as error:  # every failure of a method, whatever it is
        return failed(job.cell, error), thrift.out_of_memory(error)


@exact_float32()
def _run(job: Job, tried: Cell, started: float, tell: Tell) -> Outcome:
    """Train ``tried``, which is the job's cell or that one in smaller parts."""
    cell = job.cell
    data = prepared(tried.terms)
    data.keep(data.plan.train)  # a cell before may have labelled more
    data.thrift = 1 if tried is cell else 2
    spec = data.spec
    scored = tracks.loop(spec.track).run(tried, data, job.store, job.devices, tell)
    method = scored.method
    cost = Cost(
        seconds=round(time.perf_counter() - started, 2),
        train_seconds=round(scored.seconds, 2),
        parameters=sum(p.numel() for p in method.parameters()),
        images=scored.images,
        peak_mib=round(memory.peak(), 1),
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        devices=job.devices,
        retried="" if tried is cell else thrift.told(tried),
    )
    record = Record(
        cell_id=cell.id,
        cell=cell,
        status="ok",
        provenance_status=method.status,
        class_names=spec.class_names,
        class_counts=spec.class_counts,
        scored_names=scored.scored_names,
        support=scored.support,
        rare=spec.rare,
        pool=len(data.plan.pool),
        metrics=scored.metrics,
        balanced=scored.balanced,
        fitted=method.findings(),
        stages=scored.stages,
        rounds=scored.rounds,
        cost=cost,
        content=contents.of(cell, data.content),
        provenance=provenance(data),
        predictions=scored.test.digest,
        validation=scored.val.digest if scored.val else "",
    )
    digest, note = handed_over(job, scored, data)
    record = record.model_copy(update={"network": digest})
    note = (f"; {cost.retried}" if cost.retried else "") + note
    return Outcome(record, scored.test, scored.val, note=note)


def handed_over(job: Job, scored: Scored, data: ImageDataModule) -> tuple[str, str]:
    """Leave the trained network for the driver; its digest, and why it could not be kept.

    A result is not lost because its network cannot be written.
    """
    if job.network is None:
        return "", ""
    try:
        return keeping.hand_over(job.network, job.cell, scored.kept, data).digest, ""
    except (OSError, MedtailError) as error:
        return "", f"; its network is not kept: {' '.join(str(error).split())}"


def worker_environment(side_by_side: int = 1) -> dict[str, str]:
    """Environment of a worker: one thread, and the folders as the driver sees them.

    Args:
        side_by_side: workers that share the cores of a machine, see ``loading.machine``.
    """
    return {
        SIDE_BY_SIDE: str(side_by_side),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MEDTAIL_DATA": str(data_root().resolve()),
        "MEDTAIL_CACHE": str(cache_root().resolve()),
    }
