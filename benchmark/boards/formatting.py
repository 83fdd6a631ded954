"""Words and cells that all pages of the leaderboards share."""

from .columns import Unit
from .row import Row, Stat

LONGEST = 36  # letters of a row's name in a picture


def markdown(lines: list[list[str]], left: int = 1) -> str:
    """A table from cells, its head first; the column ``left`` is aligned left."""
    rule = [":--" if i == left else "--:" for i in range(len(lines[0]))]
    cells = [lines[0], rule, *lines[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def row_name(row: Row) -> str:
    """A method as code, with the marks that the notes of a table explain."""
    marks = " †" * row.reconstruction + " ‡" * bool(row.extras)
    return f"{code(row.name)}{marks}"


def code(name: str) -> str:
    """A name as code in a cell of a table."""
    return f"`{plain(name)}`"


def plain(text: str) -> str:
    """Text on one line of a page, in a table or not."""
    return " ".join(text.split()).replace("|", "\\|")


def short_name(row: Row) -> str:
    """A row's name in a picture."""
    name = row.name if len(row.name) <= LONGEST else f"{row.name[: LONGEST - 1]}…"
    return name + " †" * row.reconstruction + " ✗" * (not row.complete)


def row_seeds(row: Row) -> str:
    """How many seeds stand behind a row, and how many failed or are missing."""
    total = len(row.done) + len(row.failed)
    if row.failed:
        return f"✗ {len(row.failed)} of {total}"
    return str(total) if row.complete else f"{total} of {len(row.expected)}"


def marked(row: Row, value: Stat | None, best: float | None, unit: Unit = "percent") -> str:
    """A cell of a row: bold where it is the best, a cross where nothing finished."""
    text = shown(value, unit) if row.done else "✗"
    return f"**{text}**" if row.complete and value and value.mean == best else text


def shown(value: Stat | None, unit: Unit = "percent") -> str:
    """Mean and spread: of a share in %, of a count as it is; half an interval as its mean."""
    if value is None:
        return "n/a"
    scale = 1 if unit == "count" else 100
    mean = f"{scale * value.mean:.1f}"
    if unit == "half":
        return f"± {mean}"
    return mean if value.sd is None else f"{mean} ± {scale * value.sd:.1f}"


def digits(value: float | None) -> str:
    """A number of the CSV; empty where undefined."""
    return "" if value is None else f"{value:.6f}"
