"""Tables of a report, before they are Markdown or LaTeX: cells, and how each is to be seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from medtail.datamodules.core.contract import Track

from ..boards.certainty import ends, places
from ..boards.columns import column
from ..boards.formatting import SUBMITTED, rank, row_seeds, shown
from ..boards.row import Row, Stat
from ..boards.section import Section
from .marked import clean, code
from .sources import Table

TIED, EQUAL = "≈", "="
RANKED: dict[Track, str] = {
    "long_tail": "Results",
    "few_shot": "Results over episodes",
    "one_class": "Results",
    "active": "Results of active learning",
}


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: with marks, see ``marked``.
        best: whether it is the best of its column.
    """

    text: str
    best: bool = False


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        label: by which a text refers to it.
        title: a line.
        heads: of each column, lines.
        rows: cells.
        fixed: columns that stand in every part where the table is too wide, the last of which is
            the name of a row.
        notes: sentences below it.
        texts: columns of text, whose lines may break.
        close: columns that stand beside the one before them.
    """

    label: str
    title: str
    heads: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[Cell, ...], ...]
    fixed: int
    notes: tuple[str, ...]
    texts: tuple[int, ...] = ()
    close: frozenset[int] = frozenset()


def grids(table: Table) -> list[Grid]:
    """The tables of a finished section: what ranks, each class, what each row is."""
    return [_ranking(table), _classes(table)]


def _name(row: Row) -> Cell:
    marks = " †" * row.reconstruction + " ‡" * bool(row.extras)
    return Cell(code(row.name) + marks + f" {SUBMITTED}" * bool(row.submitted))


def _value(row: Row, value: Stat | None, best: float | None, unit: str = "percent") -> Cell:
    """As ``formatting.marked`` has it."""
    if not row.done:
        return Cell("✗")
    ranked = row.complete and not row.submitted
    text = shown(value, unit)  # type: ignore[arg-type]  # a unit of a column
    return Cell(text, bool(ranked and value and value.mean == best))


def _ranking(table: Table) -> Grid:
    section, standing = table.section, table.standing
    columns, view = section.columns(section.view.page), section.view
    heads: list[tuple[str, ...]] = [("",), ("Method",)]
    close = set[int]()
    for c in columns:
        heads.append((c.title, *([] if c.unit == "count" else ["(%)"])))
        if c.key in view.ranking:
            close |= {len(heads), len(heads) + 1}
            heads += [("95 % interval", "(%)"), ("Rank,", "95 %")]
    heads.append(("Seeds",))
    equal = _equal(section)
    rows = []
    for number, row in section.shown:
        known = standing.of(row)
        place = Cell(rank(number, row) + EQUAL * (number is not None and row.name in equal))
        cells = [place, _name(row)]
        for c in columns:
            cells.append(_value(row, row.stat(c), section.best(c), c.unit))
            if c.key in view.ranking:
                first = known.ranks.get(c.key, (0, 0))[0] == 1
                tied = f" {TIED}" * (first and len(section.rows) > 1)
                cells += [Cell(ends(known.intervals.get(c.key))), Cell(places(known, c.key) + tied)]
        rows.append((*cells, Cell(row_seeds(row))))
    title = f"{RANKED[section.track]} on {clean(table.name)}, ordered by "
    return Grid(
        f"tab:{table.label}",
        title + f"{column(view.primary).words}",
        tuple(heads),
        tuple(rows),
        2,
        tuple(_notes(section, any(c.text.endswith(TIED) for row in rows for c in row))),
        close=frozenset(close),
    )


def _equal(section: Section) -> set[str]:
    """Ranked rows whose mean another one has, too."""
    primary = column(section.view.primary)
    means = {r.name: s.mean for r in section.rows if r.complete and (s := r.stat(primary))}
    values = list(means.values())
    return {name for name, mean in means.items() if values.count(mean) > 1}


def _spread(section: Section) -> str:
    what = "Mean ± sample standard deviation over seeds" if len(section.seeds) > 1 else "One seed"
    return f"{what}; the best of a column is bold."


def _notes(section: Section, tied: bool) -> list[str]:
    notes = [_spread(section)]
    if tied:
        notes.append(
            f"{TIED}: no row is surely above it by the 95 % interval of their paired difference, "
            "so that it is tied for the first rank."
        )
    if _equal(section):
        notes.append(f"{EQUAL}: another row has the same mean.")
    if any(row.reconstruction for row in section.rows):
        notes.append("†: a reconstruction, as the paper leaves a formula open.")
    beyond = [f"{code(r.name)} {' and '.join(r.extras)}" for r in section.rows if r.extras]
    if beyond:
        notes.append(f"‡: had more than the terms of the table: {'; '.join(beyond)}.")
    if any(row.failed for row in section.rows):
        notes.append("✗ n of m: n of m seeds failed; such a row is not ranked.")
    if any(not (row.complete or row.failed) for row in section.rows):
        notes.append("n of m seeds: such a row was not trained with every seed, and is not ranked.")
    if section.outside:
        notes.append(f"{SUBMITTED}: submitted predictions, whose training medtail has not seen.")
    return notes


def _classes(table: Table) -> Grid:
    section, titles = table.section, table.section.view.classes
    entries = [(name, k) for name in titles for k in section.by_count]
    heads = [_head(section, k, titles[name] if len(titles) > 1 else "") for name, k in entries]
    rows = [
        (
            _name(row),
            *(_value(row, row.of_class(*e), section.best_of_class(*e)) for e in entries),
        )
        for _, row in section.shown
        if row.done
    ]
    what = " and ".join(titles.values())
    return Grid(
        f"tab:{table.label}-classes",
        f"{what} of each class on {clean(table.name)}, in %",
        (("Method",), *heads),
        tuple(rows),
        1,
        (_spread(section),),
    )


def _head(section: Section, index: int, metric: str) -> tuple[str, ...]:
    record = section.example
    assert record is not None  # the caller shows finished sections only
    lines = [clean(section.names[index])]
    if section.track == "active":
        lines += ["rare"] * (index in section.rare)
    elif section.track == "long_tail":
        lines.append(section.class_groups[index])
    if not record.scored_names:
        lines.append(f"train {record.class_counts[index]:,}")
    return (*lines, f"test {record.support[index]:,}", *([metric] if metric else []))


def joined(heads: Sequence[str]) -> str:
    """The lines of a head on one."""
    return " ".join(line for line in heads if line)
