"""Cells in parallel with Ray: this machine's cores and GPUs, or a cluster by its address.

A cell whose node is lost runs on another one, on from its checkpoint where the nodes share a disk.
"""

import os
import signal
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch

from medtail.datamodules.core.errors import MedtailError

from ..ending import undisturbed
from ..failure import died
from ..job import Job, Outcome
from ..packing import cores
from ..surroundings import check_cluster
from ..worker import run, worker_environment

# How often a cell runs again: a process that dies is mostly the cell's own doing, a node is not.
DEATHS, LOST_NODES = 1, 5
ASK, PATIENCE = 5.0, 3  # seconds between two looks for the head; those in vain until it is gone
GRACE = 10.0  # seconds for cells that are ended to put away their files

# Off, Ray takes 127.0.0.1 for its machine's address, and all that it starts listens there alone. On
# Linux, too, whatever its name says; given as `_node_ip_address`, Ray replaces it by another one.
MANY_MACHINES = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


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
    before = signal.getsignal(signal.SIGTERM)  # in whose place Ray puts one that says nothing
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
    ray._private.worker._worker_logs_enabled = False  # what it says when a part of it dies
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)


class Pulse:
    """Whether a cluster is there: Ray itself waits for ever, or ends this process, when it is not.

    Args:
        address: ``host:port`` of the head.
    """

    def __init__(self, address: str) -> None:
        self.address, self.missed, self.asked = address, 0, time.monotonic()

    def check(self) -> None:
        """Ask, now and then. Raises ``MedtailError`` where it was not there for some time."""
        import ray

        if time.monotonic() - self.asked < ASK:
            return
        self.asked = time.monotonic()
        host, _, port = self.address.removeprefix("ray://").rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=ASK).close()
            there = any(node["Alive"] for node in ray.nodes())
        except OSError:
            there = False
        self.missed = 0 if there else self.missed + 1
        if self.missed >= PATIENCE:
            raise MedtailError(
                f"the Ray cluster at {self.address} is gone: what is done is kept, and the same "
                "command does the rest"
            )


def _close(pending: Sequence[Any]) -> None:
    """End what runs so that it can put away its files, and then Ray."""
    import ray

    with undisturbed():
        try:
            for reference in pending:
                ray.cancel(reference)
            if pending:
                ray.wait(list(pending), num_returns=len(pending), timeout=GRACE)
        finally:
            ray.shutdown()


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
    if not address:
        os.environ[MANY_MACHINES] = "0"
    import ray

    side = min(len(jobs), workers or cells_per_gpu * max(1, torch.cuda.device_count()))
    environment = {"env_vars": worker_environment(side)}
    local = workers or cores()
    most = max(job.devices for job in jobs)
    _start(address, environment, max(local, min(os.cpu_count() or 1, most)))
    pending: dict[Any, Job] = {}
    try:
        gpus = ray.cluster_resources().get("GPU", 0)
        check_devices(most, ray.nodes())

        def remote(job: Job) -> ray.ObjectRef:
            share = (job.devices if job.devices > 1 else 1 / cells_per_gpu) if gpus else 0
            of_cores = 1 if gpus else job.devices
            task = ray.remote(run).options(num_cpus=of_cores, num_gpus=share, max_retries=0)
            return task.remote(job)

        pulse = Pulse(address or ray.get_runtime_context().gcs_address)
        waiting = deque(jobs)
        ended: Counter[tuple[str, bool]] = Counter()
        while waiting or pending:
            while waiting and (not workers or len(pending) < workers):
                job = waiting.popleft()
                pending[remote(job)] = job
            done, _ = ray.wait(list(pending), timeout=1.0)
            pulse.check()
            for reference in done:
                job = pending.pop(reference)
                try:
                    yield ray.get(reference)
                except ray.exceptions.RayError as error:
                    job.progress.unlink(missing_ok=True)
                    lost = isinstance(error, ray.exceptions.NodeDiedError)
                    ended[job.cell.id, lost] += 1
                    again = ended[job.cell.id, lost] <= (LOST_NODES if lost else DEATHS)
                    if again and not job.over.exists():
                        waiting.appendleft(job)
                    else:
                        yield died(job, error)
    finally:
        _close([*pending])


def launcher(workers: int, address: str = "") -> partial[Iterator[Outcome]]:
    """``launch`` with its settings; ``MedtailError`` where no cluster answers at the address."""
    if address:
        check_cluster(address)
    return partial(launch, workers=workers, address=address)
