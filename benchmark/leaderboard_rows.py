"""What stands in a leaderboard: columns, rows over seeds, and sections of equal terms."""

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .cell import Cell, Terms, digest
from .leaderboard_columns import COLUMNS, PRIMARY, Column, column
from .metrics import groups
from .record import Record


@dataclass(frozen=True)
class Stat:
    """Mean and sample standard deviation (n - 1) over seeds; ``sd`` is None for one seed."""

    mean: float
    sd: float | None


def stat(values: Sequence[float | None]) -> Stat | None:
    """Mean and spread; None where a seed's value is undefined, or without seeds."""
    defined = [float(v) for v in values if v is not None]
    if not defined or len(defined) < len(values):
        return None
    return Stat(
        math.fsum(defined) / len(defined),
        statistics.stdev(defined) if len(defined) > 1 else None,
    )


@dataclass(frozen=True)
class Row:
    """A method with its parameters, over its seeds.

    Attributes:
        name: see ``Cell.row``; where rows share one, with the parameters that differ.
        done: records of seeds that finished.
        failed: records of seeds that did not.
        expected: the seeds of any row of its section.
    """

    name: str
    done: tuple[Record, ...]
    failed: tuple[Record, ...]
    expected: frozenset[int]

    @property
    def complete(self) -> bool:
        """Whether it finished all seeds of its section; a mean over some of them is not ranked."""
        return bool(self.done) and {r.cell.seed for r in self.done} == self.expected

    @property
    def reconstruction(self) -> bool:
        """Whether the method's paper leaves a formula open."""
        return any(r.provenance_status == "reconstruction" for r in self.done)

    @property
    def extras(self) -> list[str]:
        """What the method had beyond the terms of its table: images, optimisers of its own."""
        if not self.done:
            return []
        record, budget = self.done[0], self.done[0].cell.terms.budget
        size = min(sum(record.class_counts), budget.batch_size)
        usual = sum(record.class_counts) // size * size * budget.epochs
        times = record.cost.images / usual if record.cost else 1
        more = [f"{times:.1f} times the training images"] if times > 1.01 else []
        return more + [f"{s.own_optimizer} in {s.name}" for s in record.stages if s.own_optimizer]

    def stat(self, column: Column) -> Stat | None:
        """A column over seeds."""
        return stat([_number(r, column) for r in self.done])

    def of_class(self, name: str, index: int) -> Stat | None:
        """An entry of a per-class metric over seeds."""
        lists = [r.metrics.get(name) for r in self.done]
        return stat([v[index] if isinstance(v, list) else None for v in lists])


@dataclass(frozen=True)
class Section:
    """Rows that may be compared: the same terms, classes, counts, split lists and source.

    Attributes:
        terms: shared.
        rows: ranked first by balanced accuracy, then without all seeds, then failed altogether.
        example: a finished record, which names the classes and counts; None if all failed.
    """

    terms: Terms
    rows: tuple[Row, ...]
    example: Record | None

    @property
    def records(self) -> list[Record]:
        """Of all rows."""
        return [r for row in self.rows for r in row.done + row.failed]

    @property
    def seeds(self) -> list[int]:
        """All seeds of any row."""
        return sorted({r.cell.seed for r in self.records})

    @cached_property
    def by_count(self) -> list[int]:
        """Class indices, most training images first."""
        counts = self.example.class_counts if self.example else ()
        return sorted(range(len(counts)), key=lambda k: (-counts[k], k))

    @property
    def class_groups(self) -> list[str]:
        """``head``, ``medium`` or ``tail`` per class."""
        return groups(self.example.class_counts) if self.example else []

    def columns(self, table: str) -> list[Column]:
        """The columns of a table: those with a place in it, some only if a row has a value."""
        return [
            c
            for c in COLUMNS
            if table in c.on or (f"{table}-if-any" in c.on and any(r.stat(c) for r in self.rows))
        ]

    def best(self, column: Column) -> float | None:
        """The best mean among complete rows, None where there is nothing to compare."""
        stats = [row.stat(column) for row in self.rows if row.complete]
        return _best([s.mean for s in stats if s], column.best)

    def best_of_class(self, name: str, index: int) -> float | None:
        """The same for an entry of a per-class metric."""
        stats = [row.of_class(name, index) for row in self.rows if row.complete]
        return _best([s.mean for s in stats if s], "high")


def sections(records: Sequence[Record]) -> list[Section]:
    """Records parted by what makes them comparable, the section with most records first.

    Failures know their terms only; they go to the largest section of those terms.
    """
    parts: dict[str, list[Record]] = defaultdict(list)
    home: dict[str, str] = {}
    for record in (r for r in records if r.status == "ok"):
        parts[_comparable(record)].append(record)
    for key, part in sorted(parts.items(), key=lambda kv: (-len(kv[1]), kv[0])):
        home.setdefault(_terms(part[0]), key)
    for record in (r for r in records if r.status == "failed"):
        parts[home.get(_terms(record), _terms(record))].append(record)
    made = [(-len(part), key, _section(part)) for key, part in parts.items()]
    return [section for *_, section in sorted(made, key=lambda m: m[:2])]


def _section(records: list[Record]) -> Section:
    by_row: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda r: (r.cell.row, r.cell.seed, r.cell_id)):
        by_row[digest([record.cell.method, record.cell.params])].append(record)
    seeds = frozenset(r.cell.seed for r in records)
    cells = [part[0].cell for part in by_row.values()]
    rows = [
        Row(
            _row_name(part[0].cell, cells),
            tuple(r for r in part if r.status == "ok"),
            tuple(r for r in part if r.status == "failed"),
            seeds,
        )
        for part in by_row.values()
    ]

    def place(row: Row) -> tuple[int, float, str]:
        value = row.stat(column(PRIMARY))
        return (0 if row.complete else 1 if row.done else 2, -value.mean if value else 0, row.name)

    example = next((r for r in records if r.status == "ok"), None)
    return Section(records[0].cell.terms, tuple(sorted(rows, key=place)), example)


def _row_name(cell: Cell, cells: list[Cell]) -> str:
    """Its row, with the parameters that tell it from other rows of the same name."""
    others = [c for c in cells if c.row == cell.row and c is not cell]
    told = ", ".join(
        f"{name}={value}"
        for name, value in sorted(cell.params.items())
        if any(name not in c.params or c.params[name] != value for c in others)
    )
    return f"{cell.row}({told})" if told else cell.row


def _terms(record: Record) -> str:
    return digest(record.cell.terms.model_dump(mode="json"))


def _comparable(record: Record) -> str:
    origin = record.provenance
    files = [origin.split_digest, origin.source] if origin else ["", ""]
    facts = [record.class_names, record.class_counts, record.support]
    return digest([_terms(record), *facts, *files])


def _number(record: Record, column: Column) -> float | None:
    if column.source == "cost":
        return getattr(record.cost, column.name, None)
    value = (record.metrics if column.source == "metrics" else record.balanced).get(column.name)
    return None if isinstance(value, list) else value


def _best(means: list[float], direction: str) -> float | None:
    if len(means) < 2 or direction == "none":
        return None
    return max(means) if direction == "high" else min(means)
