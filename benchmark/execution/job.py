"""What a worker is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path

from medtail.datamodules.core import derived

from ..evidence.predictions import Predictions
from ..evidence.record import Record
from ..grid.cell import Cell


@dataclass(frozen=True)
class Job:
    """A cell and where it runs.

    Attributes:
        cell: what to train.
        store: folder of shared stages.
        progress: file that tells how far the cell is; removed at its end.
        devices: processes (CPU) or GPUs that train it together.
        network: folder in which the trained network is handed over; None to keep none.
        limit: seconds that it may take, see ``limit``; None for a generous estimate.
    """

    cell: Cell
    store: Path
    progress: Path
    devices: int = 1
    network: Path | None = None
    limit: float | None = None

    @property
    def over(self) -> Path:
        """File in which a process that had to be ended at the limit leaves why."""
        return self.store.parent / "over" / self.cell.id


@dataclass(frozen=True)
class Outcome:
    """A cell's record, its predictions where it succeeded, its traceback where it failed.

    ``note`` is a line for the user about what went wrong beside the result.
    """

    record: Record
    test: Predictions | None = None
    val: Predictions | None = None
    traceback: str = ""
    note: str = ""


def noting(run: Callable[[Job], Outcome]) -> Callable[[Job], Outcome]:
    """Have the outcome tell what a worker says of files that could not be believed."""

    @wraps(run)
    def noted(job: Job) -> Outcome:
        with derived.collected() as said:
            outcome = run(job)
        return replace(outcome, note=outcome.note + "".join(f"; {line}" for line in said))

    return noted
