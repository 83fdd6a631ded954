"""A question that is asked of a board, with its tables: for a page and for the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich import box
from rich.table import Table

from medtail.datamodules.core.markup import inert

from ..boards.formatting import code, markdown
from ..statistics.intervals import Interval

SHORT = 5  # rows of a table in the terminal


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        title: what it is about.
        head: of its columns, the first of which names the row.
        lines: cells; the first is the name of a method, where ``methods``.
        short: columns that the terminal shows, too.
        methods: whether lines are methods.
    """

    title: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    short: tuple[int, ...] = ()
    methods: bool = True

    def page(self) -> str:
        """As Markdown."""
        lines = [[code(n) if self.methods else inert(n), *rest] for n, *rest in self.lines]
        head = ["<br>".join(map(inert, name.split("\n"))) for name in self.head]
        table = markdown([head, *lines], left=0)
        return f"### {inert(self.title)}\n\n{table}" if self.title else table

    def terminal(self) -> Table:
        """The first lines in short: means without their deviations."""
        made = Table(title=self.title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
        for place in (0, *self.short):
            words = self.head[place].replace("\n", " ")
            made.add_column(words, justify="right" if place else "left", overflow="fold")
        for line in self.lines[:SHORT]:
            made.add_row(*(line[place].partition(" ± ")[0] for place in (0, *self.short)))
        if (more := len(self.lines) - SHORT) > 0:
            made.caption = f"{more} more on the page"
        return made


@dataclass(frozen=True)
class Topic:
    """A question.

    Attributes:
        title: of its section.
        text: what the numbers are, a paragraph each.
        grids: its tables.
        pictures: name -> PNG, and what it shows.
    """

    title: str
    text: tuple[str, ...]
    grids: tuple[Grid, ...] = ()
    pictures: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def page(self, stem: str) -> str:
        """As Markdown; pictures lie beside it as ``<stem>-<name>.png``."""
        parts = [f"## {self.title}", *self.text]
        parts += [f"![{words}]({stem}-{n}.png)" for n, (_, words) in self.pictures.items()]
        return "\n\n".join([*parts, *(grid.page() for grid in self.grids)])


def percent(value: float, digits: int = 1) -> str:
    """A share in %; n/a where it is undefined."""
    return "n/a" if value != value else f"{100 * value:.{digits}f}"


def ends(found: Interval | None) -> str:
    """An interval in %, with its estimate."""
    if found is None:
        return "n/a"
    return f"{percent(found.mean)} ({percent(found.low)} to {percent(found.high)})"


def mean(values: Sequence[float]) -> float:
    """Over seeds; not a number without any."""
    return sum(values) / len(values) if values else float("nan")
