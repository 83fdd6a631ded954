"""Words and cells that all pages of the leaderboards share."""

import re

from medtail.datamodules.core.markup import one_line

from .columns import Unit
from .row import Row, Stat

SUBMITTED = "◇"  # marks predictions that somebody handed in
SAID = "submitted predictions: training not seen by medtail"
LONGEST = 36  # letters of a name in a picture


def markdown(lines: list[list[str]], left: int = 1) -> str:
    """A table from cells, its head first; the column ``left`` is aligned left."""
    rule = [":--" if i == left else "--:" for i in range(len(lines[0]))]
    cells = [lines[0], rule, *lines[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def row_name(row: Row) -> str:
    """A method as code, with the marks that the notes of a table explain."""
    marks = " †" * row.reconstruction + " ‡" * bool(row.extras)
    marks += f" {SUBMITTED}" * bool(row.submitted)
    return f"{code(row.name)}{marks}"


def code(name: str) -> str:
    """A name as code in a cell of a table."""
    text = plain(name)
    if "`" not in text:
        return f"`{text}`"
    fence = "`" * (1 + max(map(len, re.findall("`+", text))))
    return f"{fence} {text} {fence}"


def plain(text: str) -> str:
    """Text on one line of a page, in a table or not."""
    return one_line(text).replace("|", "\\|")


def shortened(name: str) -> str:
    """A name in a picture."""
    name = one_line(name)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def short_name(row: Row) -> str:
    """A row's name in a picture."""
    return shortened(row.name) + " †" * row.reconstruction + " ✗" * (not row.complete)


def row_seeds(row: Row) -> str:
    """How many seeds stand behind a row, and how many failed or are missing."""
    total = len(row.done) + len(row.failed)
    if row.failed:
        return f"✗ {len(row.failed)} of {total}"
    return str(total) if row.complete else f"{total} of {len(row.expected)}"


def marked(row: Row, value: Stat | None, best: float | None, unit: Unit = "percent") -> str:
    """A cell of a row: bold where it is the best, a cross where nothing finished."""
    text = shown(value, unit) if row.done else "✗"
    ranked = row.complete and not row.submitted
    return f"**{text}**" if ranked and value and value.mean == best else text


def rank(number: int | None, row: Row) -> str:
    """The first cell of a row."""
    return SUBMITTED if row.submitted else str(number) if number else "-"


def shown(value: Stat | None, unit: Unit = "percent") -> str:
    """Mean and spread: of a share in %, of a count as it is; half an interval as its mean."""
    if value is None:
        return "n/a"
    scale = 1 if unit == "count" else 100
    mean = f"{scale * value.mean:.1f}"
    if unit == "half":
        return f"± {mean}"
    return mean if value.sd is None else f"{mean} ± {scale * value.sd:.1f}"


def field(name: str) -> str:
    """A name in a CSV for spreadsheets: what would be a formula there gets an apostrophe."""
    text = one_line(name)
    return f"'{text}" if text[:1] in tuple("=+-@") else text


def digits(value: float | None) -> str:
    """A number of the CSV; empty where undefined."""
    return "" if value is None else f"{value:.6f}"
