"""How sure a table is: intervals, ranks and duels of its rows, kept beside the records.

``statistics/<data@regime>.json`` is derived from records and predictions alone. A table whose
evidence did not change is read from there, as the bootstrap of a large board takes a minute; but
only where the file is what its checksum beside it says.
"""

import itertools
import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..evidence.predictions import Predictions
from ..grid.cell import Frozen, digest
from ..statistics import ranking
from ..statistics.intervals import Interval
from . import kept
from .pairs import Pairs, pairs
from .precision import Precision
from .replicates import NONE, Drawn, replicates
from .row import Row
from .section import Section
from .summary import Summary, summary

VERSION = 4  # of the statistics: another one computes all again
Numbers = tuple[float, float, float]  # estimate, and the ends of its interval of 95 %


class RowStanding(Frozen):
    """What is known of a row.

    Attributes:
        intervals: metric -> estimate, low and high.
        classes: per-class metric -> the same for each class; None where a class has no value.
        ranks: 95 % interval of its rank by every metric that ranks; none of a row that has no rank.
        wins: its chance to be above another ranked row drawn at random, by the same metrics.
        summaries: long tail: of each seed, what its metrics under any class prior follow from.
    """

    intervals: dict[str, Numbers]
    classes: dict[str, tuple[Numbers | None, ...]]
    ranks: dict[str, tuple[int, int]] = {}
    wins: dict[str, float] = {}
    summaries: tuple[Summary, ...] = ()


class Standing(Frozen):
    """What is known of a table.

    Attributes:
        key: digest of the evidence.
        rows: by name.
        smallest_difference: of every metric that ranks, what a paired test would find four times
            in five; the median over pairs of ranked rows.
        outside: of predictions that were handed in, by name.
        pairs: how far the paired differences of its rows reach, by the metrics of its page.
    """

    key: str
    rows: dict[str, RowStanding]
    smallest_difference: dict[str, float] = {}
    outside: dict[str, RowStanding] = {}
    pairs: Pairs = Pairs()

    def of(self, row: Row) -> RowStanding:
        """What is known of a row, which may be nothing."""
        known = self.outside if row.submitted else self.rows
        return known.get(row.name, RowStanding(intervals={}, classes={}))


def standings(
    root: Path,
    slug: str,
    sections: list[Section],
    stored: Callable[[], dict[str, Predictions]],
    held: Callable[[], dict[str, Predictions]] = dict,
) -> list[Standing]:
    """Of every table of a board; what is new is computed and written.

    Args:
        root: folder of leaderboards.
        slug: the board's ``data@regime``.
        sections: its tables.
        stored: reads its predictions by cell id; called only where something is new.
        held: the same of validation.
    """
    path = root / "statistics" / f"{slug}.json"
    known = {s.key: s for s in kept.read(path, Standing)}
    keys = [_key(section) for section in sections]
    if not set(keys) <= known.keys():
        predictions, validation = stored(), held()
        kept.refuse(root, slug, sections, predictions, validation)
        known |= {
            key: compute(section, predictions, key, validation)
            for key, section in zip(keys, sections, strict=True)
            if key not in known
        }
    found = [known[key] for key in keys]
    text = json.dumps([_dumped(s) for s in found], separators=(",", ":"))
    lines = text.replace('},"', '},\n"') + "\n"
    kept.write(path, lines)
    return found


def _dumped(standing: Standing) -> dict[str, object]:
    """As JSON; a table beside which nothing stands keeps its bytes."""
    made = standing.model_dump(mode="json")
    if not made["outside"]:
        del made["outside"]
    return made


def compute(
    section: Section,
    stored: dict[str, Predictions],
    key: str,
    held: Mapping[str, Predictions] = NONE,
) -> Standing:
    """The statistics of a table.

    Args:
        section: the table.
        stored: predictions by cell id.
        key: of the result.
        held: predictions of validation.
    """
    beside = replace(section, rows=section.outside)
    drawn = replicates(section, stored, held) | replicates(beside, stored)
    return summed_up(section, drawn, stored, key)


def summed_up(
    section: Section, drawn: Mapping[str, Drawn], stored: Mapping[str, Predictions], key: str
) -> Standing:
    """The same from what its rows were drawn as."""
    known = Precision(section, drawn)
    ranks, wins, smallest = _duels(section, known)
    rows, outside = (
        {r.name: _row(r, section, drawn[r.name], known, stored) for r in part if r.name in drawn}
        for part in (section.rows, section.outside)
    )
    rows = {
        name: row.model_copy(update={"ranks": ranks[name], "wins": wins[name]})
        for name, row in rows.items()
    }
    return Standing(
        key=key,
        rows=rows,
        smallest_difference=smallest,
        outside=outside,
        pairs=pairs(section, known, [c.key for c in section.columns(section.view.page)]),
    )


Ranks = dict[str, dict[str, tuple[int, int]]]  # of a row, by every metric that ranks
Wins = dict[str, dict[str, float]]


def _duels(section: Section, known: Precision) -> tuple[Ranks, Wins, dict[str, float]]:
    """Of every row with all seeds against every other: ranks, chances, what could be told."""
    ranks: Ranks = defaultdict(dict)
    wins: Wins = defaultdict(dict)
    smallest = {}
    for metric in section.view.ranking:
        names = [r.name for r in section.rows if r.complete]
        names = [name for name in names if known.single(name, metric) is not None]
        duels = {
            (one, other): found
            for one, other in itertools.combinations(names, 2)
            if (found := known.pair(one, other, metric))
        }
        for name, rank, chance in zip(names, *ranking.by_duels(names, duels), strict=True):
            ranks[name][metric] = rank
            if chance is not None:
                wins[name][metric] = chance
        if told := [d.detectable for d in duels.values() if not math.isnan(d.error)]:
            smallest[metric] = round(float(np.median(told)), 6)
    return ranks, wins, smallest


def _row(
    row: Row, section: Section, drawn: Drawn, known: Precision, stored: Mapping[str, Predictions]
) -> RowStanding:
    single = {n: v for n, v in drawn.values.items() if v.ndim == 2}
    several = {n: v.shape[2] for n, v in drawn.values.items() if v.ndim == 3}
    summaries: tuple[Summary, ...] = ()
    if section.track == "long_tail":
        summaries = tuple(summary(r.cell.seed, stored[r.cell_id]) for r in row.done)
    return RowStanding(
        intervals={n: found for n in single if (found := _numbers(known.single(row.name, n)))},
        classes={
            n: tuple(_numbers(known.single(row.name, n, k)) for k in range(amount))
            for n, amount in several.items()
        },
        summaries=summaries,
    )


def _numbers(found: Interval | None) -> Numbers | None:
    """Rounded."""
    if found is None:
        return None
    return round(found.mean, 6), round(found.low, 6), round(found.high, 6)


def _key(section: Section) -> str:
    evidence = [
        [
            row.name,
            row.complete,
            *([r.cell_id, r.predictions, r.validation, r.metrics] for r in row.done),
        ]
        for row in (*section.rows, *section.outside)
        if row.done
    ]
    return digest([VERSION, *evidence])
