"""Cells one after the other, in this process."""

from collections.abc import Iterator, Sequence

from ..job import Job, Outcome
from ..worker import run


def launch(jobs: Sequence[Job]) -> Iterator[Outcome]:
    """Run ``jobs`` in order."""
    for job in jobs:
        yield run(job)
