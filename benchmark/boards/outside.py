"""Predictions that were handed in, as rows that stand beside a table and never in it.

Their numbers come of the same functions as those of every row. They take no part in ranks, in what
is best, in seeds that others lack, or in the regression gate: nothing here saw their training.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from medtail.datamodules.core.markup import inert

from ..evidence import outside
from ..evidence.outside import Given, Submitted
from ..evidence.predictions import Predictions
from ..evidence.record import Record
from ..grid.cell import Cell
from ..metrics.rescoring import rescored
from ..statistics.intervals import Floats
from .columns import column
from .formatting import SAID, SUBMITTED, code
from .row import Row
from .section import Section
from .standing import Standing

Stored = dict[str, Predictions]


@dataclass(frozen=True)
class Place:
    """Where a value would stand among the complete rows of a table, by its primary metric.

    Attributes:
        place: from 1.
        of: rows, this one included.
        best: the place at the upper end of its interval.
        worst: at the lower end.
        above: the next better row and its mean over seeds.
        below: the next worse one.
    """

    place: int
    of: int
    best: int
    worst: int
    above: tuple[str, float] | None
    below: tuple[str, float] | None


def place(section: Section, mean: float, low: float, high: float) -> Place:
    """Where a value of its primary metric, with its interval, would stand in a table."""
    primary = column(section.view.primary)
    stats = [(row.name, row.stat(primary)) for row in section.rows if row.complete]
    means = [(name, stat.mean) for name, stat in stats if stat]

    def number(value: float) -> int:
        return 1 + sum(other > value for _, other in means)

    return Place(
        number(mean),
        len(means) + 1,
        number(high),
        number(low),
        min((row for row in means if row[1] > mean), key=lambda row: row[1], default=None),
        max((row for row in means if row[1] <= mean), key=lambda row: row[1], default=None),
    )


def attach(
    root: Path,
    slug: str,
    parts: list[Section],
    stored: Callable[[], Stored],
    more: Sequence[tuple[Submitted, Given]] = (),
) -> tuple[list[Section], Stored]:
    """Tables with the predictions that were handed in for their board.

    They stand beside every table that was scored on the same ids and targets: nothing is known of
    their terms. Where there is none, or a row has their name, the first table names them as
    ``unmatched``.

    Args:
        root: folder of leaderboards.
        slug: the board's ``data@regime``.
        parts: its tables.
        stored: reads its predictions by cell id; called only where something was handed in.
        more: what stands on no board, as if it did.

    Returns:
        The tables, and what was handed in by the ids of its records.
    """
    names = {entry.name for entry, _ in more}
    kept = [e for e in outside.read(root, slug) if e.name not in names]
    if not (kept or more) or not parts:
        return parts, {}
    known, made = stored(), list(parts)
    truths = [_truth(part, known) for part in parts]
    taken = {row.name for part in parts for row in part.rows}
    given: Stored = {}
    for entry, numbers in [*((e, outside.read_given(root, slug, e)) for e in kept), *more]:
        homes = [(n, t) for n, t in enumerate(truths) if t and _fits(parts[n], t, entry)]
        if not homes or entry.name in taken:
            made[0] = replace(made[0], unmatched=(*made[0].unmatched, entry.name))
            continue
        for home, truth in homes:
            row, scores = row_of(parts[home], entry, numbers, truth, f"table {home + 1}")
            made[home] = replace(made[home], outside=(*made[home].outside, row))
            given |= scores
    return made, given


def _fits(section: Section, truth: Predictions, entry: Submitted) -> bool:
    names = section.example.class_names if section.example else ()
    return truth.truth == entry.truth and names == entry.classes


def _truth(section: Section, stored: Stored) -> Predictions | None:
    """The samples that a table was scored on, where they are one set and its predictions there."""
    if section.resplit:
        return None
    return next((stored[r.cell_id] for r in section.records if r.cell_id in stored), None)


def row_of(
    section: Section, entry: Submitted, given: Given, truth: Predictions, where: str = ""
) -> tuple[Row, Stored]:
    """Predictions of somebody as a row, with what its numbers follow from.

    Args:
        section: a table of the same test, with an example.
        entry: what is said of it.
        given: its numbers.
        truth: samples of the test, in the order that counts.
        where: words that tell its records from those beside another table.
    """
    at = {sample: row for row, sample in enumerate(given.id.tolist())}
    order = [at[sample] for sample in truth.id.tolist()]
    stored: Stored = {}
    records = []
    for seed, logits in enumerate(given.logits[:, order]):
        scores = replace(truth, logits=_log_shares(logits))
        record = _record(section, entry, seed, scores, where)
        records.append(record)
        stored[record.cell_id] = scores
    seeds = frozenset(r.cell.seed for r in records)
    return Row(entry.name, tuple(records), (), seeds, entry), stored


def _log_shares(logits: Floats) -> Floats:
    """[N, K] log-probabilities in full precision: what is handed in is not rounded."""
    found = logits - logits.max(1, keepdims=True)
    shares: Floats = found - np.log(np.exp(found).sum(1, keepdims=True))
    return shares


def _record(
    section: Section, entry: Submitted, seed: int, scores: Predictions, where: str
) -> Record:
    """The numbers of a training as a record that is written nowhere."""
    example = section.example
    assert example is not None  # the caller has a test with classes
    facts = {
        "cell_id": f"submitted {where} {seed} {entry.name}",
        "cell": Cell(method="submitted", label=entry.name, seed=seed, terms=section.terms),
        "status": "ok",
        "predictions": entry.predictions,
        "class_names": example.class_names,
        "class_counts": example.class_counts,
        "scored_names": example.scored_names,
        "support": example.support,
    }
    return Record(**facts, **rescored(example, scores))


def place_of(section: Section, standing: Standing, row: Row) -> Place | None:
    """Where submitted predictions would stand; None where they have no value."""
    key = section.view.primary
    known, mine = standing.of(row).intervals.get(key), row.stat(column(key))
    return place(section, mine.mean, *known[1:]) if known and mine else None


def said(found: Place, metric: str) -> str:
    """A place in words, by a metric that is named."""
    ends = f" ({found.best} to {found.worst} at the ends of its interval)"
    by = f"would be {found.place} of {found.of} by {metric}"
    return by + ends * (found.best < found.worst)


def words(section: Section, standing: Standing) -> list[str]:
    """What a page says below its ranking of predictions that were handed in."""
    lines, metric = [], column(section.view.primary).words
    for row in section.outside:
        entry, found = row.submitted, place_of(section, standing, row)
        assert entry is not None  # or it would not stand there
        facts = [said(found, metric) if found else "has no place", f"added {entry.added}"]
        facts += [f"their seeds {', '.join(map(inert, entry.seeds))}"] * (len(entry.seeds) > 1)
        facts += [f"<{entry.url}>"] * bool(entry.url) + [inert(entry.note)] * bool(entry.note)
        lines.append(f"- {code(row.name)} {SUBMITTED}: {'; '.join(facts)}")
    parts = unmatched(section)
    if lines:
        head = (
            f"{SUBMITTED} {SAID}. Not ranked, never bold, and in no other row's interval or seeds."
        )
        parts.insert(0, "\n".join([head, "", *lines]))
    return parts


def unmatched(section: Section) -> list[str]:
    """A line about what was handed in and cannot be shown, where there is some."""
    names = ", ".join(map(code, section.unmatched))
    why = "Scored on other ids, targets or classes than these tables, or named as a row"
    return [f"{SUBMITTED} not shown: {names}. {why}: score and add them again."] if names else []
