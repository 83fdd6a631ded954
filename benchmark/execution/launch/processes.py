"""Cells in parallel on this machine: worker processes, each for one cell after the other."""

import os
import signal
from collections.abc import Collection, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from types import FrameType

import torch
from pebble import ProcessExpired, ProcessPool
from pebble.common.types import Result, ResultStatus

from medtail.datamodules.core.errors import MedtailError

from ...tracks.ranks import OF_A_TERMINAL, death, masked, silence
from ..ending import undisturbed
from ..failure import died
from ..job import Job, Outcome
from ..packing import cores
from ..worker import run, worker_environment

LOOK = 5.0  # seconds between two looks for workers that are gone
VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible(devices: int) -> list[str]:
    """What each worker sees of the GPUs: one, or a group of ``devices``."""
    named = os.environ.get(VISIBLE, "")
    gpus = named.split(",") if named else [str(n) for n in range(torch.cuda.device_count())]
    starts = range(0, len(gpus) - devices + 1, devices)
    return [",".join(gpus[start : start + devices]) for start in starts]


def _begin(number: "Synchronized[int]", seen: list[str]) -> None:
    """Give a new worker its GPU, and silence it: what it has to say stands in its outcome."""
    with number.get_lock():
        mine, number.value = number.value, number.value + 1
    if seen:
        os.environ[VISIBLE] = seen[mine % len(seen)]
    silence()


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _task(job: Job) -> Outcome:
    """Run a job; a worker that is ended before leaves neither processes nor files of it."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        return run(job)
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def _notice_silent_ends(pool: ProcessPool) -> None:
    """Tell the pool of workers that a cell has ended with exit status 0: it misses them."""
    manager = pool._pool_manager
    for task in [*manager.task_manager.tasks.values()]:
        if task.worker_id and task.worker_id not in manager.worker_manager.workers:
            error = ProcessExpired("ended", code=0, pid=task.worker_id)  # type: ignore[no-untyped-call]
            manager.task_manager.task_done(task.id, Result(ResultStatus.ERROR, error))


def launch(
    jobs: Sequence[Job],
    *,
    cells_per_gpu: int = 1,
    workers: int = 0,
    held_back: Collection[signal.Signals] = (),
) -> Generator[Outcome, None, None]:
    """Run ``jobs`` in worker processes. One that dies is a failed cell; another takes its place.

    Args:
        jobs: to run.
        cells_per_gpu: small cells that share a GPU; a cell of several devices has its own.
        workers: cells at a time; 0 for one per core, or as many as the GPUs hold.
        held_back: signals that workers never see.

    Raises:
        MedtailError: a cell asks for more devices than there are.
    """
    most = max(job.devices for job in jobs)
    gpus = torch.cuda.device_count()
    if most > (gpus or os.cpu_count() or 1):
        there = f"{gpus} GPUs" if gpus else f"{os.cpu_count()} cores"
        raise MedtailError(f"--devices {most}: there are {there}")
    seen = visible(most) if gpus else []
    share = 1 if most > 1 else cells_per_gpu
    places = workers or (len(seen) * share if gpus else cores())
    if not gpus:
        places = max(1, places // most)
    os.environ.update(worker_environment(min(places, len(jobs))))
    context = get_context("spawn")
    pool = ProcessPool(
        min(places, len(jobs)),
        initializer=_begin,
        initargs=[context.Value("i", 0), seen],
        context=context,
    )
    # A process begins with the mask of what starts it, and the pool's threads with that of ours.
    with masked(OF_A_TERMINAL.union(held_back)):
        waiting: dict[Future[Outcome], Job] = {
            pool.schedule(_task, args=[job]): job for job in jobs
        }
    try:
        while waiting:
            done, _ = wait(waiting, timeout=LOOK, return_when=FIRST_COMPLETED)
            for future in done:
                job = waiting.pop(future)
                try:
                    yield future.result()
                except ProcessExpired as error:
                    yield died(job, death(error.exitcode))
            _notice_silent_ends(pool)
    finally:
        with undisturbed():
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()
