"""What a world is, and predictions and records of its boards."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.record import Record
from medtail.benchmark.grid.cell import Cell, Terms

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Result = tuple[Record, Predictions, Predictions | None]  # with those of validation
Truth = dict[tuple[str, str, int | None], float]  # (row, metric, class) -> true value


@dataclass(frozen=True)
class World:
    """Rows with a truth.

    Attributes:
        track: of the table.
        skill: [M] of each row.
        sigma: [M] standard deviation of a training's effect.
        truth: of everything that is checked.
    """

    track: str
    skill: Floats
    sigma: Floats
    truth: Truth


def of_images(logits: Floats, target: Ints, group: Ints | None = None) -> Predictions:
    """Predictions of images, each of its own group where none are given."""
    ids = np.array([f"s{n:05d}" for n in range(len(target))])
    groups = ids if group is None else np.array([f"g{n:05d}" for n in group])
    return Predictions.of(ids, groups, target, logits)


def record(row: int, seed: int, data: str, given: Predictions, **facts: object) -> Record:
    """Of a finished cell."""
    cell = Cell(method=f"m{row:02d}", seed=seed, terms=Terms(data=data))
    made = {"cell_id": cell.id, "cell": cell, "status": "ok", "predictions": given.digest}
    return Record.model_validate(made | facts)
