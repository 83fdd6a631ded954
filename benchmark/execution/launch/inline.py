"""Cells one after the other, in this process."""

from collections.abc import Iterator, Sequence

from ..job import Job, Outcome
from ..worker import run


def launch(jobs: Sequence[Job], *, cells_per_gpu: int = 1) -> Iterator[Outcome]:
    """Run ``jobs`` in order; nothing shares a GPU."""
    for job in jobs:
        yield run(job)
