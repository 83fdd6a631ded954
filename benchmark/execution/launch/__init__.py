"""Where cells run: one module = one launcher."""

from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Protocol

from medtail.datamodules.core.errors import MedtailError

from ..job import Job, Outcome
from . import resources

NAMES = ("auto", "inline", "processes", "ray", "slurm")


class Launcher(Protocol):
    """Runs jobs and yields each one's outcome as it ends, in any order."""

    def __call__(self, jobs: Sequence[Job], *, cells_per_gpu: int = 1) -> Iterator[Outcome]:
        """Run ``jobs``. Closing the iterator ends what still runs.

        Args:
            jobs: to run.
            cells_per_gpu: small cells that share a GPU; a cell of several devices has its own.
        """
        ...


def check(name: str, address: str = "", slurm: Sequence[str] = ()) -> None:
    """Raise ``MedtailError`` for a launcher that there is none of, or that has no such options."""
    if name not in NAMES:
        raise MedtailError(f"--launcher {name}: write {', '.join(NAMES)}")
    if address and name not in ("auto", "ray"):
        raise MedtailError(f"--launcher {name} takes no --ray-address: leave one of them out")
    if slurm and (address or name not in ("auto", "slurm")):
        other = "--ray-address" if address else f"--launcher {name}"
        raise MedtailError(f"{other} takes no --slurm: leave one of them out")
    resources.read(slurm)


def choose(
    name: str, cells: int, workers: int = 0, address: str = "", slurm: Sequence[str] = ()
) -> Launcher:
    """The launcher of a name; ``auto`` is ``processes`` for several cells.

    ``auto`` is ``ray`` where an address is given, and ``slurm`` where its options are.

    Args:
        name: one of ``NAMES``.
        cells: how many are to run.
        workers: cells at a time; 0 for as many as the machine has cores, or its GPUs hold.
        address: of a running Ray cluster.
        slurm: what Slurm is asked for, ``KEY=VALUE``.

    Raises:
        MedtailError: Ray or submitit is not installed, or no cluster is there.
    """
    if name == "auto":
        several = "processes" if cells > 1 else "inline"
        name = "ray" if address else "slurm" if slurm else several
    if name == "slurm":
        from . import slurm as batches

        return batches.launcher(workers, resources.read(slurm))
    if name == "ray":
        if find_spec("ray") is None:
            raise MedtailError("Ray is not installed: pip install 'medtail[ray]'")
        from . import ray

        return ray.launcher(workers, address)
    if name == "processes":
        from . import processes

        return partial(processes.launch, workers=workers)
    from . import inline

    return inline.launch


__all__ = ["Job", "Launcher", "Outcome", "check", "choose"]
