"""What the committed records say of a method: what it costs, and where it stands."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from medtail import methods
from medtail.methods.core.base import Method

from ..boards.certainty import NO_ROW, ends, places
from ..boards.columns import column
from ..boards.formatting import shown
from ..boards.leaderboard import VALIDATION, read_predictions
from ..boards.row import Row
from ..boards.section import Section, sections
from ..boards.standing import Standing, standings
from ..evidence.record import Cost, read_lines
from ..grid.cell import Cell, digest


class Board(NamedTuple):
    """The tables of a ``data@regime``, each with what is known of it."""

    slug: str
    sections: list[Section]
    standings: list[Standing]


class Ratio(NamedTuple):
    """Cost relative to the plain method's.

    Attributes:
        seconds: of training, the median over tables of the median over a table's seeds.
        low, high: the smallest and the largest quotient of a seed.
        parameters, images: medians likewise.
        tables: that have both.
    """

    seconds: float
    low: float
    high: float
    parameters: float
    images: float
    tables: int


class Result(NamedTuple):
    """A row of a table in words."""

    board: str
    table: int
    variant: str
    metric: str
    value: str
    interval: str
    rank: str
    ranks: str


def boards(root: Path) -> Iterator[Board]:
    """Every board of a folder of leaderboards; statistics that are not there are computed."""
    for path in sorted((root / "records").glob("*.jsonl")):
        parts = sections(read_lines(path))
        if parts:
            stored = partial(read_predictions, root, path.stem)
            held = partial(read_predictions, root, path.stem, VALIDATION)
            yield Board(path.stem, parts, standings(root, path.stem, parts, stored, held))


def plain_method() -> str:
    """The method that changes nothing of ``Method``: what others cost is told relative to it."""
    return next(
        name
        for name, family in sorted(methods.registry().items())
        if family.__bases__ == (Method,)
        and "__init__" not in vars(family)
        and {key for key in vars(family) if not key.startswith("_")} <= {"paper"}
        and not methods.origin(name)
    )


def variant(cell: Cell) -> str:
    """A method with what is not at its default: parameters, and whether it was tuned."""
    usual = methods.defaults(cell.method)
    told = ", ".join(
        f"{key}={value}"
        for key, value in sorted(cell.params.items())
        if key not in usual or (value != usual[key] and digest(value) != digest(usual[key]))
    )
    name = f"{cell.method}({told})" if told else cell.method
    return f"{name} (tuned, {cell.tuned.trials} trials)" if cell.tuned else name


def costs(tables: Iterable[Section], plain: str) -> dict[str, dict[str, Ratio]]:
    """Method -> variant -> what it costs relative to the plain method.

    Only trainings of the same table, seed, device and number of devices are held together.
    """
    found: dict[str, dict[str, list[list[tuple[float, ...]]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for section in tables:
        base = {
            place: cost
            for row in section.rows
            if _cell(row).method == plain and not _cell(row).tuned
            for place, cost in _costs(row)
        }
        for row in (r for r in section.rows if _cell(r).method in methods.registry()):
            pairs = [_quotients(c, base[place]) for place, c in _costs(row) if place in base]
            if pairs:
                found[_cell(row).method][variant(_cell(row))].append(pairs)
    return {
        method: {name: _ratio(each) for name, each in sorted(variants.items())}
        for method, variants in found.items()
    }


def results(found: Iterable[Board]) -> dict[str, list[Result]]:
    """Method -> its row in every table of every board."""
    lines: dict[str, list[Result]] = defaultdict(list)
    for board in found:
        for number, (section, standing) in enumerate(
            zip(board.sections, board.standings, strict=True), 1
        ):
            for rank, row in enumerate(section.rows, 1):
                if _cell(row).method in methods.registry():
                    table = number if len(board.sections) > 1 else 0
                    line = _result(board.slug, table, section, standing, row, rank)
                    lines[_cell(row).method].append(line)
    return lines


def _result(
    slug: str, table: int, section: Section, standing: Standing, row: Row, rank: int
) -> Result:
    primary = column(section.view.primary)
    known = standing.rows.get(row.name, NO_ROW)
    return Result(
        board=slug,
        table=table,
        variant=variant(_cell(row)),
        metric=primary.words,
        value=shown(row.stat(primary), primary.unit) if row.done else "✗",
        interval=ends(known.intervals.get(primary.key)),
        rank=f"{rank} of {sum(r.complete for r in section.rows)}" if row.complete else "-",
        ranks=places(known, primary.key),
    )


def _cell(row: Row) -> Cell:
    return (row.done or row.failed)[0].cell


def _costs(row: Row) -> Iterator[tuple[tuple[int, str, int], Cost]]:
    for record in row.done:
        cost = record.cost
        if cost and min(cost.train_seconds, cost.parameters, cost.images) > 0:
            yield (record.cell.seed, cost.device, cost.devices), cost


def _quotients(cost: Cost, base: Cost) -> tuple[float, ...]:
    return (
        cost.train_seconds / base.train_seconds,
        cost.parameters / base.parameters,
        cost.images / base.images,
    )


def _ratio(tables: list[list[tuple[float, ...]]]) -> Ratio:
    """From the quotients of the seeds of each table."""
    seconds, parameters, images = (
        median(median(seed[i] for seed in table) for table in tables) for i in range(3)
    )
    each = [seed[0] for table in tables for seed in table]
    return Ratio(seconds, min(each), max(each), parameters, images, len(tables))
