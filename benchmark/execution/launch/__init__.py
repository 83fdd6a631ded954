"""Where cells run: one module = one launcher."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from ..job import Job, Outcome


class Launcher(Protocol):
    """Runs jobs and yields each one's outcome as it ends, in any order."""

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Run ``jobs``. Closing the iterator ends what still runs."""
        ...


__all__ = ["Job", "Launcher", "Outcome"]
