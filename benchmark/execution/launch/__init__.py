"""Where cells run: one module = one launcher."""

from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Protocol

from medtail.datamodules.core.errors import MedtailError

from ..job import Job, Outcome

NAMES = ("auto", "inline", "processes", "ray")


class Launcher(Protocol):
    """Runs jobs and yields each one's outcome as it ends, in any order."""

    def __call__(self, jobs: Sequence[Job], *, cells_per_gpu: int = 1) -> Iterator[Outcome]:
        """Run ``jobs``. Closing the iterator ends what still runs.

        Args:
            jobs: to run.
            cells_per_gpu: small cells that share a GPU; a cell of several devices has its own.
        """
        ...


def check(name: str, address: str = "") -> None:
    """Raise ``MedtailError`` for a launcher that there is none of, or that has no address."""
    if name not in NAMES:
        raise MedtailError(f"--launcher {name}: write {', '.join(NAMES)}")
    if address and name not in ("auto", "ray"):
        raise MedtailError(f"--launcher {name} takes no --ray-address: leave one of them out")


def choose(name: str, cells: int, workers: int = 0, address: str = "") -> Launcher:
    """The launcher of a name; ``auto`` is ``processes`` for several cells, ``ray`` at an address.

    Args:
        name: one of ``NAMES``.
        cells: how many are to run.
        workers: cells at a time; 0 for as many as the machine has cores, or its GPUs hold.
        address: of a running Ray cluster.

    Raises:
        MedtailError: Ray is not installed, or no cluster answers.
    """
    if name == "auto":
        name = "ray" if address else "processes" if cells > 1 else "inline"
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
