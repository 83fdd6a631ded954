"""The pick, and the picks inside the training part of every fold: pure functions of predictions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..evidence.predictions import Predictions
from ..grid.cell import Cell
from ..statistics.intervals import balanced_accuracy
from ..tracks.folds import joined

Key = tuple[str, int, int, int]  # row, seed, fold, and the fold beside it or 0
Tests = Mapping[Key, Predictions]


@dataclass(frozen=True)
class Choice:
    """Which row is best, on all folds and without each of them.

    Attributes:
        pick: row that is best on all folds.
        scores: balanced accuracy of every row on all folds, mean over seeds.
        inside: the row that is best by the training part of each fold alone.
        inner: scores of every row there, fold by fold.
    """

    pick: str
    scores: Mapping[str, float]
    inside: tuple[str, ...]
    inner: tuple[Mapping[str, float], ...]


def key_of(cell: Cell) -> Key:
    """Where the predictions of a cell stand."""
    return cell.row, cell.seed, cell.terms.fold, cell.terms.beside


def choose(tests: Tests, rows: Sequence[str], seeds: Sequence[int], folds: int) -> Choice:
    """The pick, and those inside.

    Args:
        tests: predictions of every fold, and of every pair of folds, of networks that were trained
            on neither.
        rows: names, of which the first wins where several are equal.
        seeds: of each.
        folds: how many.
    """
    places = range(1, folds + 1)
    inner = tuple(
        {row: _mean(inside_of(tests, row, seed, fold, folds) for seed in seeds) for row in rows}
        for fold in places
    )
    whole = {row: _mean(outside_of(tests, [row] * folds, seed) for seed in seeds) for row in rows}
    return Choice(best(whole), whole, tuple(map(best, inner)), inner)


def best(scores: Mapping[str, float]) -> str:
    """The row with the highest score, the first of equal ones."""
    return max(scores, key=lambda row: scores[row])


def inside_of(tests: Tests, row: str, seed: int, fold: int, folds: int) -> Predictions:
    """What networks that saw nothing of ``fold`` say of all other folds, each tested once."""
    parts = []
    for other in range(1, folds + 1):
        if other != fold:
            pair = tests[row, seed, min(fold, other), max(fold, other)]
            mine = np.isin(pair.id, tests[row, seed, other, 0].id)
            parts.append(_some(pair, mine))
    return joined(parts)


def outside_of(tests: Tests, picks: Sequence[str], seed: int) -> Predictions:
    """Every fold as the row that was picked for it predicts it."""
    return joined([tests[row, seed, fold, 0] for fold, row in enumerate(picks, 1)])


def score(predictions: Predictions) -> float:
    """Balanced accuracy."""
    return float(balanced_accuracy(predictions, np.ones((1, len(predictions.id)), np.float32))[0])


def _mean(each: Iterable[Predictions]) -> float:
    return float(np.mean([score(predictions) for predictions in each]))


def _some(given: Predictions, mine: NDArray[np.bool_]) -> Predictions:
    fields = {f: getattr(given, f)[mine] for f in ("id", "group", "target", "logits")}
    return replace(given, **fields)
