"""Tuned against default: what tuning moved, and whether the order of methods hangs on it."""

import statistics
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations

from ..evidence.record import Record
from ..grid.cell import Cell
from ..grid.tuned import Tuned
from ..statistics.ranking import kendall
from .columns import column
from .row import Row
from .section import Section
from .standing import Standing


@dataclass(frozen=True)
class Study:
    """Rows of a table that one search tuned, each with its default beside it.

    Attributes:
        search: what all of them share: see ``Tuned``.
        metric: key of the column that ranks the table.
        pairs: default and tuned row of each method, both with all seeds, best default first.
        alone: names of tuned rows that have no such default, or not all seeds.
        standing: of the table.
    """

    search: Tuned
    metric: str
    pairs: tuple[tuple[Row, Row], ...]
    alone: tuple[str, ...]
    standing: Standing

    def means(self, which: int) -> list[float]:
        """Of the default rows (0) or the tuned ones (1)."""
        stats = [pair[which].stat(column(self.metric)) for pair in self.pairs]
        return [s.mean for s in stats if s]

    @property
    def tau(self) -> float | None:
        """Kendall's tau-b between the two orders; None for fewer than three methods or for ties."""
        return kendall(self.means(0), self.means(1)) if len(self.pairs) > 2 else None

    def half(self, one: Row, other: Row) -> float | None:
        """Half of the 95 % interval of the paired difference of two rows."""
        names, halves = self.standing.pairs.names, self.standing.pairs.halves.get(self.metric)
        if halves is None or not {one.name, other.name} <= set(names):
            return None
        first, second = sorted((names.index(one.name), names.index(other.name)))
        found: float | None = halves[first][second - first - 1]
        return found

    def difference(self, one: Row, other: Row) -> float:
        """Mean over the seeds that both have."""
        a, b = (_by_seed(row, self.metric) for row in (one, other))
        return statistics.fmean(a[seed] - b[seed] for seed in a.keys() & b.keys())

    def verdict(self, one: Row, other: Row) -> int:
        """1 where the first is surely better, -1 where it is surely worse, 0 where nobody knows."""
        gap, half = self.difference(one, other), self.half(one, other)
        return 0 if half is None or abs(gap) <= half else 1 if gap > 0 else -1

    def changed(self) -> list[tuple[Row, Row, int, int]]:
        """Pairs of default rows whose verdict is another once both are tuned; both verdicts."""
        found = []
        for (one, tuned_one), (other, tuned_other) in combinations(self.pairs, 2):
            before, after = self.verdict(one, other), self.verdict(tuned_one, tuned_other)
            if before != after:
                found.append((one, other, before, after))
        return found


def studies(section: Section, standing: Standing) -> list[Study]:
    """Every search whose rows stand in a table.

    Args:
        section: the table.
        standing: of it.
    """
    metric = section.view.primary
    defaults = {cell_of(row).kind: row for row in section.rows if not cell_of(row).tuned}
    tuned: dict[str, list[Row]] = defaultdict(list)
    for row in section.rows:
        if chosen := cell_of(row).tuned:
            tuned[chosen.search].append(row)
    made = []
    for rows in tuned.values():
        pairs, alone = list[tuple[Row, Row]](), list[str]()
        for row in rows:
            chosen = cell_of(row).tuned
            beside = defaults.get(chosen.default) if chosen else None
            both = beside and beside.complete and row.complete
            if beside and both and _whole(beside, metric) and _whole(row, metric):
                pairs.append((beside, row))
            else:
                alone.append(row.name)
        place = {row.name: n for n, row in enumerate(section.rows)}
        pairs.sort(key=lambda pair: place[pair[0].name])
        search = cell_of(rows[0]).tuned
        assert search is not None  # it was grouped by it
        made.append(Study(search, metric, tuple(pairs), tuple(alone), standing))
    return made


def cell_of(row: Row) -> Cell:
    """One of its cells."""
    return (row.done + row.failed)[0].cell


def _value(record: Record, metric: str) -> float | None:
    value = record.metrics.get(metric)
    return value if isinstance(value, float | int) else None


def _whole(row: Row, metric: str) -> bool:
    return all(_value(r, metric) is not None for r in row.done)


def _by_seed(row: Row, metric: str) -> dict[int, float]:
    return {r.cell.seed: v for r in row.done if (v := _value(r, metric)) is not None}
