"""Cells in parallel with Ray: this machine's cores and GPUs, or a cluster by its address."""

import os
from collections.abc import Iterator, Sequence
from functools import partial

import torch

from medtail.datamodules.core.errors import MedtailError

from ..job import Job, Outcome
from ..packing import cores
from ..surroundings import check_cluster
from ..worker import failed, run, worker_environment


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
    here = {
        "num_cpus": max([local, *(job.devices for job in jobs)]),
        "include_dashboard": False,
    }
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
    try:
        resources = ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        most = max(job.devices for job in jobs)
        places = int(resources.get("CPU", 1)) if address else os.cpu_count() or 1
        if most > (gpus or places):
            there = f"{gpus} GPUs" if gpus else f"{places} cores"
            raise MedtailError(f"--devices {most}: there are {there}")

        def remote(job: Job) -> ray.ObjectRef:
            share = (job.devices if job.devices > 1 else 1 / cells_per_gpu) if gpus else 0
            of_cores = 1 if gpus else job.devices
            task = ray.remote(run).options(num_cpus=of_cores, num_gpus=share, max_retries=1)
            return task.remote(job)

        pending = {remote(job): job for job in jobs}
        while pending:
            done, _ = ray.wait(list(pending), timeout=1.0)
            for reference in done:
                job = pending.pop(reference)
                try:
                    yield ray.get(reference)
                except ray.exceptions.RayError as error:  # out of memory, node lost
                    job.progress.unlink(missing_ok=True)
                    yield failed(job.cell, error)
    finally:
        ray.shutdown()


def launcher(workers: int, address: str = "") -> partial[Iterator[Outcome]]:
    """``launch`` with its settings; ``MedtailError`` where no cluster answers at the address."""
    if address:
        check_cluster(address)
    return partial(launch, workers=workers, address=address)
