"""Tables of a report as Markdown and as LaTeX, which splits what is wider than a page."""

import math
import re
import textwrap

from ..boards.formatting import markdown as pipes
from . import latex
from .grids import Cell, Grid, joined
from .marked import SPANS, markdown, tex

WIDTH = 112.0  # digits of \footnotesize on a line of 17 cm: 483 pt of 4.3 pt each
GAP = 1.45  # between two columns, 6 pt
NAME = 29  # digits that a name has before it breaks
WORDS = 34  # the same of a column of text
BOLD = 1.12  # as wide as plain letters
HEAD = 12  # letters of a line of a head
LINES = 50  # of \footnotesize on a page, beside head and notes
NARROW, BROAD = ".,:;'! ()[]ijl", "±\u00d7≈†‡◇✗mMW%"  # signs that are no digits wide


def as_markdown(grid: Grid) -> str:
    """A table with its title and notes."""
    heads = [markdown(joined(head)) for head in grid.heads]
    lines = [heads, *([_shown(cell) for cell in row] for row in grid.rows)]
    notes = " ".join(map(markdown, grid.notes))
    title = f"**{markdown(grid.title)}.**"
    return f"{title} {notes}\n\n{pipes(lines, left=grid.fixed - 1)}"


def _shown(cell: Cell) -> str:
    text = markdown(cell.text)
    return f"**{text}**" if cell.best else text


def as_latex(grid: Grid) -> str:
    """Floats that need ``booktabs`` and ``array``; one for each part that fits on a page."""
    parts = [(columns, rows) for columns in _parts(grid) for rows in _blocks(grid)]
    return "\n".join(
        _float(grid, columns, rows, number, len(parts))
        for number, (columns, rows) in enumerate(parts, 1)
    )


def _width(text: str) -> float:
    plain = re.sub(SPANS, lambda m: m[0][1:-1], text)
    return sum(0.6 if c in NARROW else 1.6 if c in BROAD or c.isupper() else 1.0 for c in plain)


def _lines(grid: Grid, column: int) -> list[str]:
    """Of the head of a column."""
    return [
        part
        for line in grid.heads[column]
        for part in textwrap.wrap(line, HEAD, break_long_words=True)
    ]


def _widths(grid: Grid) -> list[float]:
    """Of columns, in digits."""
    found = []
    for k in range(len(grid.heads)):
        sizes = [_width(row[k].text) * (BOLD if row[k].best else 1) for row in grid.rows]
        head = max((_width(line) for line in _lines(grid, k)), default=0)
        found.append(max(min(max(sizes, default=0), _breaking(grid).get(k, WIDTH)), head) + GAP)
    return found


def _blocks(grid: Grid) -> list[list[tuple[Cell, ...]]]:
    """Rows of a page each."""
    blocks: list[list[tuple[Cell, ...]]] = [[]]
    left = LINES
    for row in grid.rows:
        lines = max(math.ceil(_width(row[k].text) / most) for k, most in _breaking(grid).items())
        if lines > left and blocks[-1]:
            blocks.append([])
            left = LINES
        blocks[-1].append(row)
        left -= max(lines, 1)
    return blocks


def _breaking(grid: Grid) -> dict[int, int]:
    """Columns whose lines may break, and the digits of a line."""
    return {grid.fixed - 1: NAME} | dict.fromkeys(grid.texts, WORDS)


def _parts(grid: Grid) -> list[list[int]]:
    """Columns of each part; those that are fixed stand in all."""
    widths, fixed = _widths(grid), list(range(grid.fixed))
    groups: list[list[int]] = []
    for k in range(grid.fixed, len(widths)):
        groups = [*groups[:-1], [*groups[-1], k]] if k in grid.close else [*groups, [k]]
    parts, whole = [list(fixed)], WIDTH - sum(widths[: grid.fixed])
    left = whole
    for group in groups:
        wanted = sum(widths[k] for k in group)
        if wanted > left and len(parts[-1]) > grid.fixed:
            parts.append(list(fixed))
            left = whole
        parts[-1] += group
        left -= wanted
    return parts


def _float(
    grid: Grid, columns: list[int], rows: list[tuple[Cell, ...]], number: int, of: int
) -> str:
    widths = _widths(grid)
    kinds = "".join(_kind(grid, k, widths[k]) for k in columns)
    heads = " & ".join(_head(grid, k) for k in columns)
    body = [" & ".join(_cell(row[k]) for k in columns) + r" \\" for row in rows]
    part = f", part {number} of {of}" if of > 1 else ""
    label = grid.label + (f"-{number}" if number > 1 else "")
    notes = " ".join(map(tex, grid.notes)) if number == 1 else ""
    return "\n".join(
        [
            r"\begin{table*}[tp]",
            r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
            r"\setlength{\abovecaptionskip}{0pt}\setlength{\belowcaptionskip}{4pt}",  # it is above
            rf"\caption{{{tex(grid.title)}{part}.}}\label{{{label}}}",
            rf"\begin{{tabular}}{{@{{}}{kinds}@{{}}}}",
            r"\toprule",
            rf"{heads} \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            *([rf"\par\smallskip\parbox{{\linewidth}}{{\raggedright {notes}}}"] if notes else []),
            r"\end{table*}",
            "",
        ]
    )


def _kind(grid: Grid, column: int, width: float) -> str:
    """A column of names breaks its lines, one of numbers stands to the right."""
    if column == grid.fixed - 1 or column in grid.texts:
        broad = (width - GAP) * 0.5 + 0.1  # an M is broader than `_width` has it
        return rf">{{\raggedright\arraybackslash\hangindent=1em}}p{{{broad:.1f}em}}"
    return "r"


def _head(grid: Grid, column: int) -> str:
    lines = [latex.text(line) for line in _lines(grid, column)]
    if len(lines) < 2:
        return "".join(lines)
    side = "l" if column == grid.fixed - 1 or column in grid.texts else "r"
    inside = r"\\".join(lines)
    return rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}{inside}\end{{tabular}}"


def _cell(cell: Cell) -> str:
    text = tex(cell.text)
    return rf"\textbf{{{text}}}" if cell.best else text
