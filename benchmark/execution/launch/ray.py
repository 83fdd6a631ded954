"""Cells in parallel with Ray: this machine's cores and GPUs, or a cluster by its address.

A cell whose node is lost runs on another one, on from its checkpoint where the nodes share a disk.
"""

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch

from medtail.datamodules.core.errors import MedtailError

from ..failure import failed
from ..job import Job, Outcome
from ..packing import cores
from ..surroundings import check_cluster
from ..worker import run, worker_environment

# How often a cell runs again: a process that dies is mostly the cell's own doing, a node is not.
DEATHS, LOST_NODES = 1, 5


def check_devices(most: int, nodes: Sequence[dict[str, Any]]) -> None:
    """Let no cell wait for ever for a node that holds all of its processes or GPUs.

    Args:
        most: devices of a cell.
        nodes: as ``ray.nodes`` tells of them.

    Raises:
        MedtailError: no node has as many.
    """
    there = [node["Resources"] for node in nodes if node["Alive"]]
    kind = "GPU" if any(one.get("GPU") for one in there) else "CPU"
    largest = int(max((one.get(kind, 0) for one in there), default=0))
    if most > largest:
        what = "GPUs" if kind == "GPU" else "cores"
        told = f"there are {largest} {what}"
        if len(there) > 1:
            told = f"a cell trains on one node, and the largest has {largest} {what}"
        raise MedtailError(f"--devices {most}: {told}")


def _start(address: str, environment: dict[str, Any], places: int) -> None:
    import ray

    here = {"num_cpus": places, "include_dashboard": False}
    try:
        ray.init(
            address=address or "local",
            runtime_env=environment,
            log_to_driver=False,
            logging_level="ERROR",
            **({} if address else here),
        )
    except (OSError, ValueError) as error:
        raise MedtailError(f"ray: {' '.join(str(error).split())}") from error


def launch(
    jobs: Sequence[Job], *, cells_per_gpu: int = 1, workers: int = 0, address: str = ""
) -> Iterator[Outcome]:
    """Run ``jobs`` as Ray tasks; Ray keeps the worker processes from one cell to the next.

    Args:
        jobs: to run.
        cells_per_gpu: small cells that share a GPU; a cell of several devices has its own.
        workers: cells at a time; 0 for as many as there are cores (or places on the GPUs).
        address: of a running Ray cluster; it must see the same folders. Empty starts Ray here.

    Raises:
        MedtailError: the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    side = min(len(jobs), workers or cells_per_gpu * max(1, torch.cuda.device_count()))
    environment = {"env_vars": worker_environment(side)}
    local = workers or cores()
    most = max(job.devices for job in jobs)
    _start(address, environment, max(local, min(os.cpu_count() or 1, most)))
    try:
        gpus = ray.cluster_resources().get("GPU", 0)
        check_devices(most, ray.nodes())

        def remote(job: Job) -> ray.ObjectRef:
            share = (job.devices if job.devices > 1 else 1 / cells_per_gpu) if gpus else 0
            of_cores = 1 if gpus else job.devices
            task = ray.remote(run).options(num_cpus=of_cores, num_gpus=share, max_retries=0)
            return task.remote(job)

        waiting, pending = deque(jobs), dict[Any, Job]()
        ended: Counter[tuple[str, bool]] = Counter()
        while waiting or pending:
            while waiting and (not workers or len(pending) < workers):
                job = waiting.popleft()
                pending[remote(job)] = job
            done, _ = ray.wait(list(pending), timeout=1.0)
            for reference in done:
                job = pending.pop(reference)
                try:
                    yield ray.get(reference)
                except ray.exceptions.RayError as error:
                    job.progress.unlink(missing_ok=True)
                    lost = isinstance(error, ray.exceptions.NodeDiedError)
                    ended[job.cell.id, lost] += 1
                    if ended[job.cell.id, lost] <= (LOST_NODES if lost else DEATHS):
                        waiting.appendleft(job)
                    else:
                        yield failed(job.cell, error)
    finally:
        ray.shutdown()


def launcher(workers: int, address: str = "") -> partial[Iterator[Outcome]]:
    """``launch`` with its settings; ``MedtailError`` where no cluster answers at the address."""
    if address:
        check_cluster(address)
    return partial(launch, workers=workers, address=address)
