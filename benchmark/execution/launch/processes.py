"""Cells in parallel on this machine: worker processes, each for one cell after the other."""

import os
import signal
from collections.abc import Collection, Generator, Sequence
from concurrent.futures import Future, as_completed
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized

import torch
from pebble import ProcessExpired, ProcessPool

from medtail.datamodules.core.errors import MedtailError

from ..job import Job, Outcome
from ..packing import cores
from ..worker import failed, run, worker_environment

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
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def _reason(error: ProcessExpired) -> MedtailError:
    """Why a worker is dead, in one line."""
    code = error.exitcode
    how = f"exit status {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
    memory = ": the system may be out of memory" if code == -signal.SIGKILL else ""
    return MedtailError(f"its process died ({how}){memory}")


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
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held_back)
    waiting: dict[Future[Outcome], Job] = {pool.schedule(run, args=[job]): job for job in jobs}
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        for future in as_completed(waiting):
            try:
                yield future.result()
            except ProcessExpired as error:
                waiting[future].progress.unlink(missing_ok=True)
                yield failed(waiting[future].cell, _reason(error))
    finally:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()
