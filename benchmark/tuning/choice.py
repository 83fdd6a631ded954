"""What a search found for a row: the trial that is best on the folds, as the row's cells."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..evidence.record import Record
from ..grid.cell import Cell
from ..grid.tuned import Tuned
from .search import Search, Values, cells_of, values_of

MEASURES = {"best_macro_auc": "macro_auc"}  # of a selection rule; the others take the one below
USUAL = "balanced_accuracy"
Read = Callable[[Cell], Record | None]


@dataclass(frozen=True)
class Trial:
    """A trial that was spent.

    Attributes:
        values: that were tried.
        scores: on each fold; None where it failed.
        reason: why it failed; empty where it did not.
    """

    values: Values
    scores: tuple[float | None, ...]
    reason: str = ""

    @property
    def score(self) -> float | None:
        """The mean over folds; None where one failed."""
        known = [s for s in self.scores if s is not None]
        return math.fsum(known) / len(known) if len(known) == len(self.scores) else None


@dataclass(frozen=True)
class Found:
    """A row's trials, the first of them with the values of its table.

    Attributes:
        row: one of its cells.
        search: that they are of.
        trials: all of them.
    """

    row: Cell
    search: Search
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The trial with the best mean, of equal ones the first; None where all failed."""
        good = [t for t in self.trials if t.score is not None]
        return max(good, key=lambda t: t.score or 0.0) if good else None

    @property
    def failed(self) -> int:
        """Trials without a score."""
        return sum(t.score is None for t in self.trials)

    def tuned(self, cells: Sequence[Cell]) -> list[Cell]:
        """The row's cells with the values that were chosen; none where there are no such values.

        Args:
            cells: of the row, one for each seed.
        """
        if self.best is None:
            return []
        chosen = self.best.values
        tuned = Tuned(
            lr=chosen.lr,
            weight_decay=chosen.weight_decay,
            trials=self.search.trials,
            folds=self.search.folds,
            search=self.search.digest,
            default=self.row.kind,
        )
        label = f"{self.row.row} (tuned, {self.search.trials} trials)"
        own = {"params": dict(chosen.params), "label": label, "tuned": tuned}
        return [cell.model_copy(update=own) for cell in cells]

    @property
    def form(self) -> dict[str, Any]:
        """For JSON."""
        shown = [
            {**vars(t.values), "scores": t.scores, "score": t.score, "reason": t.reason}
            for t in self.trials
        ]
        number = self.trials.index(self.best) if self.best else None
        return {"row": self.row.row, "method": self.row.method, "trials": shown, "chosen": number}


def measure(cell: Cell) -> str:
    """The metric by which trials are told apart: that of the table's selection rule."""
    return MEASURES.get(cell.terms.selection, USUAL)


def found(search: Search, row: Cell, read: Read) -> Found:
    """The trials of a row, from the records of their folds.

    Args:
        search: of the table.
        row: one of its cells.
        read: the record of a trial's cell; None where it was not run.
    """
    scores: list[list[float | None]] = [[] for _ in range(search.trials)]
    reasons = [""] * search.trials
    for number, _, cell in cells_of(search, row):
        record = read(cell)
        good = record is not None and record.status == "ok"
        value: Any = record.metrics.get(measure(row)) if record and good else None
        scores[number].append(value)
        if value is None:
            reasons[number] = (record.reason if record else "") or "it has no score"
    each = zip(values_of(search, row), scores, reasons, strict=True)
    return Found(row, search, tuple(Trial(v, tuple(s), r) for v, s, r in each))


def text(search: Search, rows: Sequence[Found]) -> str:
    """Every trial of a table as JSON.

    Args:
        search: of the table.
        rows: what was found.
    """
    whole = {
        "search": vars(search) | {"digest": search.digest},
        "measure": measure(rows[0].row),
        "rows": [row.form for row in rows],
    }
    return json.dumps(whole, indent=1) + "\n"
