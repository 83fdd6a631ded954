"""One method against others on the same tests: paired differences with intervals, from the boards.

A comparison is of two rows of a table: the same seeds, samples and draws. Nothing is averaged over
boards, as regimes of one dataset share its images.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from functools import cache, partial
from pathlib import Path

import numpy as np

from medtail.datamodules.core.errors import MedtailError, unknown

from ..boards.columns import VIEWS, column
from ..boards.leaderboard import VALIDATION, read_predictions
from ..boards.outside import attach
from ..boards.precision import Precision
from ..boards.replicates import replicates
from ..boards.section import Row, Section, apart, key, sections
from ..evidence.outside import Given, Submitted
from ..evidence.predictions import Predictions
from ..evidence.record import read_lines
from ..statistics.ranking import holm
from .comparison import Comparison, Difference


def boards(root: Path, data: str = "*") -> list[str]:
    """Names of the boards whose name is one of, or fits, comma-separated names or globs.

    Raises:
        MedtailError: there is none.
    """
    known = [p.stem for p in sorted((root / "records").glob("*.jsonl"))]
    if not known:
        raise MedtailError(f"{root}: no records; `medtail bench` writes some")
    patterns = data.split(",")
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in known):
            raise unknown("board", pattern, known)
    return [name for name in known if any(fnmatch(name, p) for p in patterns)]


def compare(
    root: Path,
    data: Sequence[str],
    new: str,
    bases: Sequence[str],
    more: Sequence[tuple[Submitted, Given]] = (),
    tables: Collection[str] | None = None,
) -> list[Comparison]:
    """A row against others in every table that has both.

    Args:
        root: folder of leaderboards.
        data: names of boards.
        new: a row's name, or that of predictions which were handed in.
        bases: others'.
        more: predictions that stand on no board, as if they did.
        tables: keys of the terms of those that are looked at; None for all.

    Raises:
        MedtailError: a row that no board has, two that never meet, or no seed that both have.
    """
    if new in bases:
        raise MedtailError(f"{new}: a row is not compared with itself")
    if len(set(bases)) < len(bases):
        raise MedtailError(f"compared with {', '.join(bases)}: a row stands there twice")
    found: list[Comparison] = []
    known: dict[str, list[Section]] = {}
    for name in data:
        all_tables = sections(read_lines(root / "records" / f"{name}.jsonl"))
        stored = cache(partial(read_predictions, root, name))
        all_tables, given = attach(root, name, all_tables, stored, more)
        for number, table in enumerate(all_tables, 1):
            if tables is not None and key(table.terms) not in tables:
                continue
            rows = {row.name: row for row in (*table.rows, *table.outside) if row.done}
            known |= {row: all_tables for row in rows}
            rivals = [rows[b] for b in bases if b in rows] if new in rows else []
            if rivals:
                held = read_predictions(root, name, VALIDATION)
                drawn = _drawn(root, name, table, [rows[new], *rivals], stored() | given, held)
                place = number if len(all_tables) > 1 else 0
                found += [_pair(name, table, place, drawn, rows[new], r) for r in rivals]
    if not known:
        raise MedtailError(f"no such table is in {root}: `medtail publish` adds those of a suite")
    where = data[0] if len(data) == 1 else f"these {len(data)} boards"
    for name in (n for n in (new, *bases) if n not in known):
        raise unknown(f"method on {where}", name, known)
    for base in bases:
        if base not in {c.base for c in found}:
            raise MedtailError(f"{new} and {base} {_never_meet(known[new], new, base)}")
    tested = [
        (n, line.metric, line.estimate.p)
        for n, one in enumerate(found)
        for line in one.metrics
        if line.metric in VIEWS[one.track].ranking
    ]
    corrected = holm(np.array([p for *_, p in tested])).tolist()
    each: list[dict[str, float]] = [{} for _ in found]
    for (n, metric, _), p in zip(tested, corrected, strict=True):
        each[n][metric] = p
    return [replace(one, p=p) for one, p in zip(found, each, strict=True)]


def _never_meet(tables: list[Section], new: str, base: str) -> str:
    """Why two rows are in no table together."""
    homes = [
        next((t for t in tables if name in {r.name for r in (*t.rows, *t.outside)}), None)
        for name in (new, base)
    ]
    if homes[0] and homes[1]:
        return f"cannot be compared: {apart(homes[0], homes[1])}; run one of them again"
    return "are on no board together"


def _drawn(
    root: Path,
    data: str,
    table: Section,
    rows: list[Row],
    known: Mapping[str, Predictions],
    held: Mapping[str, Predictions],
) -> Precision:
    """What rows of a table vary by, once they are known to be of one test."""
    new, *rivals = rows
    mine = _truths(new, known)
    for rival in rivals:
        theirs = _truths(rival, known)
        several = len({*mine.values(), *theirs.values()}) > 1 and not table.resplit
        if several or any(mine.get(seed, truth) != truth for seed, truth in theirs.items()):
            raise MedtailError(
                f"{data}: {new.name} and {rival.name} were scored on other ids or targets: run or "
                "score one of them again on the data of the other"
            )
    drawn = replicates(replace(table, rows=tuple(rows)), known, held)
    if missing := [row.name for row in rows if row.name not in drawn]:
        raise MedtailError(f"{data}: the predictions of {missing[0]} are not in {root}/predictions")
    return Precision(table, drawn)


def _truths(row: Row, known: Mapping[str, Predictions]) -> dict[int, str]:
    """What each seed was asked."""
    return {r.cell.seed: known[r.cell_id].truth for r in row.done if r.cell_id in known}


def _pair(
    data: str, table: Section, place: int, known: Precision, new: Row, base: Row
) -> Comparison:
    seeds = sorted({r.cell.seed for r in new.done} & {r.cell.seed for r in base.done})
    if not seeds:
        raise MedtailError(f"{data}: {new.name} and {base.name} have no seed in common")
    one, other = (
        replace(row, done=tuple(r for r in row.done if r.cell.seed in seeds)) for row in (new, base)
    )
    view, names = table.view, table.names
    order = [*view.ranking, *(n for n in view.page if n not in view.ranking)]
    metrics = [_difference(known, (one, other), n, column(n).title) for n in order]
    entry = next(iter(view.classes))
    classes = [_difference(known, (one, other), entry, names[k], k) for k in table.by_count]
    submitted = tuple(row.name for row in (one, other) if row.submitted)
    return Comparison(
        *(data, table.track, place, new.name, base.name, tuple(seeds)),
        metrics=tuple(m for m in metrics if m),
        classes=tuple(c for c in classes if c),
        submitted=submitted,
    )


def _difference(
    known: Precision, rows: tuple[Row, Row], metric: str, label: str, k: int | None = None
) -> Difference | None:
    """Of two rows, each with the seeds that both have; None where one is undefined."""
    found = known.pair(rows[0].name, rows[1].name, metric, k)
    if found is None:
        return None
    means = [row.of_class(metric, k) if k is not None else row.stat(column(metric)) for row in rows]
    if not (means[0] and means[1]):
        return None
    scale = 1 if k is None and column(metric).unit == "count" else 100
    return Difference(metric, label, scale, means[0].mean, means[1].mean, found)
