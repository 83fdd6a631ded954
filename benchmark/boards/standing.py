"""How sure a table is: intervals, ranks and duels of its rows, kept beside the records.

``statistics/<data@regime>.json`` is derived from records and predictions alone. A table whose
evidence did not change is read from there, as the bootstrap of a large board takes a minute.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from ..evidence.predictions import Predictions
from ..evidence.record import write
from ..grid.cell import Frozen, digest
from ..statistics import ranking
from ..statistics.intervals import Floats, Interval, auc, draw_seeds, interval, over_seeds
from .replicates import Replicates, defined, replicates
from .row import Row
from .section import Section

VERSION = 1  # of the statistics: another one computes all again
Numbers = tuple[float, float, float]  # estimate, and the ends of its interval of 95 %


class Summary(Frozen):
    """Predictions of a seed in short, for K classes.

    Attributes:
        seed: of training.
        confusion: [K, K] images of each class (first) that are taken for each (second).
        pairwise_auc: [K, K] chance that an image of the first class has a higher probability of
            that class than an image of the second; None on the diagonal or without images.
            One-vs-rest AUC is its mean over the second class, weighted by their prior.
    """

    seed: int
    confusion: tuple[tuple[int, ...], ...]
    pairwise_auc: tuple[tuple[float | None, ...], ...]


class RowStanding(Frozen):
    """What is known of a row.

    Attributes:
        intervals: metric -> estimate, low and high.
        classes: per-class metric -> the same for each class; None where a class has no value.
        rank: 95 % interval of its rank by the primary metric; None for a row that is not ranked.
        wins: its chance to be above another ranked row drawn at random.
        summaries: long tail: of each seed, what its metrics under any class prior follow from.
    """

    intervals: dict[str, Numbers]
    classes: dict[str, tuple[Numbers | None, ...]]
    rank: tuple[int, int] | None = None
    wins: float | None = None
    summaries: tuple[Summary, ...] = ()


class Standing(Frozen):
    """What is known of a table.

    Attributes:
        key: digest of the evidence.
        rows: by name.
        smallest_difference: of the primary metric, that a paired test would find four times in
            five; the median over pairs of ranked rows.
        outside: of predictions that were handed in, by name.
    """

    key: str
    rows: dict[str, RowStanding]
    smallest_difference: float | None = None
    outside: dict[str, RowStanding] = {}

    def of(self, row: Row) -> RowStanding:
        """What is known of a row, which may be nothing."""
        known = self.outside if row.submitted else self.rows
        return known.get(row.name, RowStanding(intervals={}, classes={}))


def standings(
    root: Path,
    slug: str,
    sections: list[Section],
    stored: Callable[[], dict[str, Predictions]],
) -> list[Standing]:
    """Of every table of a board; what is new is computed and written.

    Args:
        root: folder of leaderboards.
        slug: the board's ``data@regime``.
        sections: its tables.
        stored: reads its predictions by cell id; called only where something is new.
    """
    path = root / "statistics" / f"{slug}.json"
    known = {s.key: s for s in _read(path)}
    keys = [_key(section) for section in sections]
    if not set(keys) <= known.keys():
        predictions = stored()
        known |= {
            key: compute(section, predictions, key)
            for key, section in zip(keys, sections, strict=True)
            if key not in known
        }
    found = [known[key] for key in keys]
    text = json.dumps([_dumped(s) for s in found], separators=(",", ":"))
    lines = text.replace('},"', '},\n"') + "\n"
    if not path.exists() or path.read_text() != lines:
        write(path, lines)
    return found


def _dumped(standing: Standing) -> dict[str, object]:
    """As JSON; a table beside which nothing stands keeps its bytes."""
    made = standing.model_dump(mode="json")
    if not made["outside"]:
        del made["outside"]
    return made


def compute(section: Section, stored: dict[str, Predictions], key: str) -> Standing:
    """The statistics of a table.

    Args:
        section: the table.
        stored: predictions by cell id.
        key: of the result.
    """
    drawn = replicates(section, stored)
    rows = _rows(section, drawn, stored)
    beside = replace(section, rows=section.outside)
    outside = _rows(beside, replicates(beside, stored), stored) if section.outside else {}
    primary, ranked = section.view.primary, [r.name for r in section.rows if r.complete]
    ranked = [n for n in ranked if n in drawn and defined(drawn[n][primary])]
    if not ranked:
        return Standing(key=key, rows=rows, outside=outside)
    values = np.stack([draw_seeds(drawn[n][primary][:, 1:]) for n in ranked], 1)
    for name, rank, wins in zip(
        ranked, ranking.rank_intervals(values), ranking.win_rates(values).tolist(), strict=True
    ):
        rate = None if np.isnan(wins) else round(wins, 4)
        rows[name] = rows[name].model_copy(update={"rank": rank, "wins": rate})
    smallest = ranking.smallest_difference(values)
    rounded = None if smallest is None else round(smallest, 6)
    return Standing(key=key, rows=rows, smallest_difference=rounded, outside=outside)


def _rows(
    section: Section, drawn: dict[str, Replicates], stored: dict[str, Predictions]
) -> dict[str, RowStanding]:
    """What each row's own predictions tell."""
    rows = {name: _row(values, section.track == "active") for name, values in drawn.items()}
    if section.track == "long_tail":
        for row in (r for r in section.rows if r.name in rows):
            found = tuple(_summary(r.cell.seed, stored[r.cell_id]) for r in row.done)
            rows[row.name] = rows[row.name].model_copy(update={"summaries": found})
    return rows


def _row(values: Replicates, seeds_alone: bool) -> RowStanding:
    single = {n: v for n, v in values.items() if v.ndim == 2 and defined(v)}
    several = {n: v for n, v in values.items() if v.ndim == 3}
    return RowStanding(
        intervals={n: found for n, v in single.items() if (found := _numbers(v, seeds_alone))},
        classes={
            name: tuple(
                _numbers(v[..., k], seeds_alone) if defined(v[..., k]) else None
                for k in range(v.shape[2])
            )
            for name, v in several.items()
        },
    )


def _summary(seed: int, given: Predictions) -> Summary:
    probability, target = given.probabilities, given.target
    classes = probability.shape[1]
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (target, probability.argmax(1)), 1)
    each = np.ones((len(target), 1), np.float32)

    def pair(k: int, other: int) -> float | None:
        mine = (target == k) | (target == other)
        value = auc(probability[mine, k], target[mine] == k, each[mine])[0]
        return None if k == other or np.isnan(value) else round(float(value), 6)

    pairs = tuple(tuple(pair(k, other) for other in range(classes)) for k in range(classes))
    return Summary(
        seed=seed, confusion=tuple(tuple(row) for row in confusion.tolist()), pairwise_auc=pairs
    )


def _numbers(values: Floats, seeds_alone: bool) -> Numbers | None:
    """Rounded; None where one seed is all that could vary."""
    if seeds_alone and len(values) == 1:
        return None
    found = estimate(values, seeds_alone)
    return round(found.mean, 6), round(found.low, 6), round(found.high, 6)


def estimate(values: Floats, seeds_alone: bool) -> Interval:
    """A metric of a row, from its values [S, 1 + R] of S seeds.

    Args:
        values: on the test as it is, then on draws of it.
        seeds_alone: whether the draws say nothing (active), so that only seeds vary.
    """
    plain = values[:, 0]
    if seeds_alone:
        return over_seeds(plain)
    return interval(float(plain.mean()), draw_seeds(values[:, 1:]))


def _key(section: Section) -> str:
    evidence = [
        [row.name, row.complete, *([r.cell_id, r.predictions, r.metrics] for r in row.done)]
        for row in (*section.rows, *section.outside)
        if row.done
    ]
    return digest([VERSION, *evidence])


def _read(path: Path) -> list[Standing]:
    """Those written before; a file that cannot be read is made again."""
    try:
        return [Standing.model_validate(entry) for entry in json.loads(path.read_text())]
    except (OSError, ValueError, ValidationError):
        return []
