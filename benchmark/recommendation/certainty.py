"""How sure a recommendation is: its numbers with intervals of 95 %, its rows against the pick."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..boards.precision import Precision
from ..boards.replicates import replicates
from ..boards.section import Section, sections
from ..evidence.predictions import Predictions
from ..evidence.record import Record
from ..statistics import intervals
from ..statistics.intervals import REPLICATES, Floats, Interval
from ..statistics.ranking import holm
from ..statistics.variance import Variance, over_samples, share
from ..tracks.folds import Result, together, whole_of
from .choice import Choice, Tests, outside_of

METRIC, SECOND, OF_CLASS = "balanced_accuracy", "macro_auc", "recall"
NESTED = "chosen inside"
LEVEL = 0.05  # of all differences from the pick together
NONE = Variance(float("nan"), float("inf"))


@dataclass(frozen=True)
class Numbers:
    """What is known of a row, of the nested choice or of an ensemble.

    Attributes:
        name: of it.
        balanced: balanced accuracy.
        auc: macro AUC.
        recall: sensitivity of each class; None where it has no test image.
        apart: of a row that is not the pick: whether it can be told from it.
    """

    name: str
    balanced: Interval
    auc: Interval | None
    recall: tuple[Interval | None, ...]
    apart: bool = False


@dataclass(frozen=True)
class Certainty:
    """Every row, the best first, and what to expect.

    Attributes:
        rows: on all folds.
        expected: of the nested choice.
        names: of the classes.
        images: of each class that are tested.
        units: groups of each class that are tested.
    """

    rows: tuple[Numbers, ...]
    expected: Numbers
    names: tuple[str, ...]
    images: tuple[int, ...]
    units: tuple[int, ...]

    @property
    def alike(self) -> list[str]:
        """Rows that the pick cannot be told from."""
        return [row.name for row in self.rows[1:] if not row.apart]


def certainty(
    finished: Sequence[Result], tests: Tests, choice: Choice, seeds: Sequence[int]
) -> Certainty:
    """Intervals as those of boards: over test groups, and between seeds.

    Args:
        finished: results of the folds and, pooled, of whole rows.
        tests: predictions of every fold.
        choice: the picks.
        seeds: of each row.
    """
    made = [nested(finished, tests, choice, seed) for seed in seeds]
    whole = [(r, p) for r, p in finished if not r.cell.terms.fold] + made
    stored = {r.cell_id: p for r, p in whole if p is not None}
    section = sections([r for r, _ in whole if r.cell_id in stored])[0]
    known = Precision(section, replicates(section, stored))
    far = _apart(known, choice)
    order = sorted(choice.scores, key=lambda row: (row != choice.pick, -choice.scores[row]))
    test = stored[made[0][0].cell_id]
    names, target = section.names, test.target
    return Certainty(
        tuple(_numbers(known, section, row, row in far) for row in order),
        _numbers(known, section, NESTED),
        names,
        tuple(np.bincount(target, minlength=len(names)).tolist()),
        tuple(len(np.unique(test.group[target == k])) for k in range(len(names))),
    )


def nested(
    finished: Sequence[Result], tests: Tests, choice: Choice, seed: int
) -> tuple[Record, Predictions]:
    """The picks of every fold as a row of its own."""
    of = {(r.cell.row, r.cell.seed, r.cell.terms.fold): r for r, _ in finished}
    records = [of[row, seed, fold] for fold, row in enumerate(choice.inside, 1)]
    told = {"label": NESTED, "params": {NESTED: list(choice.inside)}}
    cell = whole_of(records[0].cell).model_copy(update=told)
    test = outside_of(tests, choice.inside, seed)
    return together(cell, records, test, None)[0], test


def _apart(known: Precision, choice: Choice) -> set[str]:
    """Rows that differ from the pick by Holm's correction over all of them."""
    others = [row for row in choice.scores if row != choice.pick]
    pairs = [known.pair(choice.pick, row, METRIC) for row in others]
    p = holm(np.array([pair.p if pair else 1.0 for pair in pairs]))
    return {row for row, value in zip(others, p.tolist(), strict=True) if value < LEVEL}


def _numbers(known: Precision, section: Section, row: str, apart: bool = False) -> Numbers:
    balanced = known.single(row, METRIC)
    assert balanced is not None, "a row with predictions has a balanced accuracy"
    recall = tuple(known.single(row, OF_CLASS, k) for k in range(len(section.names)))
    return Numbers(row, balanced, known.single(row, SECOND), recall, apart)


def of_ensemble(test: Predictions) -> Numbers:
    """Of predictions that one ensemble made: what varies is the sample of groups alone."""
    ones = np.ones((1, len(test.id)), np.float32)
    drawn = intervals.group_weights(test.target, test.group, REPLICATES, 0)
    weights = np.concatenate([ones, drawn])
    classes = range(test.logits.shape[1])
    units = [len(np.unique(test.group[test.target == k])) for k in classes]
    recalls, aucs = intervals.recalls(test, weights), intervals.aucs(test, weights)

    def of(values: Floats, mine: Sequence[int]) -> Interval:
        samples = over_samples(float(values[1:].var(ddof=1)), mine)
        return share(float(values[0]), samples, NONE, sum(mine))

    present = [n for n in units if n]
    recall = tuple(of(recalls[:, k], [units[k]]) if units[k] else None for k in classes)
    mean: Mapping[str, Floats] = {"b": np.nanmean(recalls, 1), "a": np.nanmean(aucs, 1)}
    auc = of(mean["a"], present) if len(present) > 1 else None
    return Numbers("ensemble", of(mean["b"], present), auc, recall)
