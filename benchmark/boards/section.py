"""What stands in a table of a leaderboard: rows that may be compared."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from medtail.datamodules.core.contract import Track

from ..evidence.record import Record
from ..grid.cell import Cell, Terms, digest
from ..metrics.long_tail import groups
from .columns import COLUMNS, VIEWS, Column, View, column, track
from .row import Row

__all__ = ["Row", "Section", "apart", "sections"]


@dataclass(frozen=True)
class Section:
    """Rows that may be compared: the same terms, classes, counts, labels, splits and pixels.

    Attributes:
        terms: shared.
        rows: ranked first by the track's primary column, then without all seeds, then failed
            altogether.
        example: a finished record, which names the classes and counts; None if all failed.
        outside: predictions that were handed in, see ``outside.attach``: shown beside the rows.
        unmatched: names of others, which cannot be shown.
    """

    terms: Terms
    rows: tuple[Row, ...]
    example: Record | None
    outside: tuple[Row, ...] = ()
    unmatched: tuple[str, ...] = ()

    @property
    def shown(self) -> list[tuple[int | None, Row]]:
        """Rows with their rank (None without one), and the submitted ones where their mean falls.

        Only the others are ranked.
        """
        primary = column(self.view.primary)
        found = [(n if row.complete else None, row) for n, row in enumerate(self.rows, 1)]
        for row in self.outside:
            mine = row.stat(primary)
            above = [r.stat(primary) for n, r in found if n or r.submitted]
            place = sum(1 for s in above if s and (mine is None or s.mean > mine.mean))
            found.insert(place, (None, row))
        return found

    @property
    def records(self) -> list[Record]:
        """Of all rows."""
        return [r for row in self.rows for r in row.done + row.failed]

    @property
    def seeds(self) -> list[int]:
        """All seeds of any row."""
        return sorted({r.cell.seed for r in self.records})

    @property
    def track(self) -> Track:
        """Its problem setting."""
        return track(self.terms.data)

    @property
    def view(self) -> View:
        """What the tables of its track show."""
        return VIEWS[self.track]

    @property
    def resplit(self) -> bool:
        """Whether seeds are tested on splits of their own."""
        if self.terms.draws == 1 or self.terms.folds:
            return False
        return len({r.provenance.split_digest for r in self.records if r.provenance}) > 1

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes that per-class metrics are about."""
        return (self.example.scored_names or self.example.class_names) if self.example else ()

    @cached_property
    def by_count(self) -> list[int]:
        """Indices of these, most training images first; where none is trained on, test images."""
        one = self.example
        counts = (one.support if one.scored_names else one.class_counts) if one else ()
        return sorted(range(len(counts)), key=lambda k: (-counts[k], k))

    @property
    def class_groups(self) -> list[str]:
        """``head``, ``medium`` or ``tail`` per class."""
        return groups(self.example.class_counts) if self.example else []

    @property
    def rare(self) -> tuple[int, ...]:
        """Active: indices of the classes that are sought."""
        return self.example.rare if self.example else ()

    @property
    def rounds(self) -> int:
        """Active: trainings of a row."""
        return len(self.example.rounds) if self.example else 0

    @property
    def class_metrics(self) -> list[str]:
        """Per-class metrics that a row has, in the order of its track's view."""
        known = {name for row in self.rows for r in row.done for name in r.metrics}
        return [name for name in (*self.view.classes, *self.view.also) if name in known]

    def columns(self, keys: Sequence[str]) -> list[Column]:
        """Columns by key, some only if a row has a value."""
        known = map(column, keys)
        return [c for c in known if not c.if_any or any(r.stat(c) for r in self.rows)]

    @property
    def every_column(self) -> list[Column]:
        """Those of its track."""
        return [c for c in COLUMNS if self.track in c.tracks]

    def best(self, column: Column) -> float | None:
        """The best mean among complete rows, None where there is nothing to compare."""
        if column not in self._bests:
            stats = [row.stat(column) for row in self.rows if row.complete]
            self._bests[column] = _best([s.mean for s in stats if s], column.best)
        return self._bests[column]

    @cached_property
    def _bests(self) -> dict[Column, float | None]:
        """By column: every row of a page asks for each."""
        return {}

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
    records = _rows_alone(records)
    for record in (r for r in records if r.status == "ok"):
        parts[_comparable(record)].append(record)
    for key, part in sorted(parts.items(), key=lambda kv: (-len(kv[1]), kv[0])):
        home.setdefault(_terms(part[0]), key)
    for record in (r for r in records if r.status == "failed"):
        parts[home.get(_terms(record), _terms(record))].append(record)
    made = [(-len(part), key, _section(part)) for key, part in parts.items()]
    return [section for *_, section in sorted(made, key=lambda m: m[:2])]


def _rows_alone(records: Sequence[Record]) -> list[Record]:
    """Without folds, whose results stand together in one of the seed; failures where none does."""

    def seed(record: Record) -> str:
        terms = record.cell.terms.table
        return record.cell.model_copy(update={"terms": terms, "label": ""}).id

    there = {seed(r) for r in records if r.status == "ok" and not r.cell.terms.fold}
    failed = (r for r in records if r.status == "failed" and r.cell.terms.fold)
    lost = {key: r for r in failed if (key := seed(r)) not in there}
    return [*(r for r in records if not r.cell.terms.fold), *lost.values()]


def _section(records: list[Record]) -> Section:
    by_row: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda r: (r.cell.row, r.cell.seed, r.cell_id)):
        by_row[record.cell.kind].append(record)
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

    primary = column(VIEWS[track(cells[0].terms.data)].primary)

    def place(row: Row) -> tuple[int, float, str]:
        value = row.stat(primary)
        return (0 if row.complete else 1 if row.done else 2, -value.mean if value else 0, row.name)

    example = next((r for r in records if r.status == "ok"), None)
    return Section(records[0].cell.terms.table, tuple(sorted(rows, key=place)), example)


def _row_name(cell: Cell, cells: list[Cell]) -> str:
    """Its row, with the parameters that tell it from other rows of the same name."""
    others = [c for c in cells if c.row == cell.row and c is not cell]
    told = ", ".join(
        f"{name}={value}"
        for name, value in sorted(cell.params.items())
        if any(name not in c.params or c.params[name] != value for c in others)
    )
    if cell.tuned and any(c.tuned != cell.tuned for c in others):
        told = ", ".join([*([told] if told else []), f"search={cell.tuned.search[:4]}"])
    return f"{cell.row}({told})" if told else cell.row


def key(terms: Terms) -> str:
    """Digest of the terms of a table, wherever its files lie."""
    return digest(terms.table.content)


def _terms(record: Record) -> str:
    return key(record.cell.terms)


def apart(one: Section, other: Section) -> str:
    """Why rows of two tables cannot be compared, in words."""
    if one.terms != other.terms:
        return "their terms differ"
    if not (one.example and other.example):
        return "one of them has no result"
    a, b = one.example.content, other.example.content
    if a is None or b is None:
        return "some records do not say which data they were computed from"
    if a.pixels != b.pixels:
        return f"they stand on two versions of the pixels ({a.recipe}; {b.recipe})"
    return "labels, groups or splits differ"


def _comparable(record: Record) -> str:
    content, origin = record.content, record.provenance
    files = [origin.split_digest, origin.source] if origin else ["", ""]
    if content:
        files = [content.samples or content.data, content.pixels]
    facts: list[object] = [record.class_names]
    if record.cell.terms.draws == 1:  # which each draw has of its own
        facts += [record.class_counts, record.support]
    # Absent in the long tail, whose digests stay as they were.
    facts += [f for f in (record.scored_names, record.metrics.get("episode_list")) if f]
    return digest([_terms(record), *facts, *files])


def _best(means: list[float], direction: str) -> float | None:
    if len(means) < 2 or direction == "none":
        return None
    return max(means) if direction == "high" else min(means)
