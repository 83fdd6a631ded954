"""The files of a report: text, tables, references and lists of items, as Markdown and LaTeX."""

from collections.abc import Sequence

from .checklist import page as checklist
from .grids import Cell, Grid, grids
from .layout import as_latex, as_markdown
from .marked import cite, clean, code, markdown, tex
from .references import Library
from .sources import Table
from .statements import PARTS, Told, told
from .training import method_of, paper, parameters

ALL = "All tables"
PREAMBLE = r"""\documentclass[10pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs,array}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
% Tables at the top, several to a page, with text where there is room.
\makeatletter\setlength{\@fptop}{0pt}\makeatother
\renewcommand{\topfraction}{.9}\renewcommand{\textfraction}{.05}
\renewcommand{\floatpagefraction}{.8}\setcounter{topnumber}{4}\setcounter{totalnumber}{4}
\begin{document}
\sloppy
\input{methods}
\input{tables}
\clearpage
\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""
NEEDS = "% To \\input: it needs \\usepackage[T1]{fontenc}"


def files(name: str, tables: Sequence[Table]) -> dict[str, str]:
    """File name -> content, without the mark of who wrote it.

    Args:
        name: of the report: a board or a suite.
        tables: of its boards.
    """
    library = Library()
    finished = [t for t in tables if t.section.example]
    known = [told(table, library) for table in finished]
    shown = [[*grids(t.table), _rows(t, library)] for t in known]
    failed = [f"Of {clean(t.name)} nothing finished." for t in tables if not t.section.example]
    lists = [grid for part in shown for grid in part]
    return {
        "methods.md": _methods_markdown(name, known, failed),
        "methods.tex": _methods_latex(known, failed),
        "tables.md": "\n\n".join([f"# Tables of {name}", *map(as_markdown, lists)]) + "\n",
        "tables.tex": f"{NEEDS}, booktabs, array.\n" + "\n".join(map(as_latex, lists)),
        "references.bib": library.bibtex + "\n",
        "checklist.md": checklist(name, known),
        "report.tex": PREAMBLE,
    }


def _blocks(known: Sequence[Told]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Headings, each with titles of paragraphs and their texts; what all tables share stands once.

    The heading of a single table is empty.
    """
    each = [{title: t.text(*topics) for title, topics in PARTS.items()} for t in known]
    if len(each) == 1:
        return [("", list(each[0].items()))]
    common = {t for t in PARTS if len({parts[t] for parts in each}) == 1}
    made = [
        (clean(t.table.name), [(k, v) for k, v in parts.items() if k not in common])
        for t, parts in zip(known, each, strict=True)
    ]
    shared = [(k, v) for k, v in (each[0].items() if each else ()) if k in common]
    return [*made, *([(ALL, shared)] if shared else [])]


def _methods_markdown(name: str, known: Sequence[Told], failed: list[str]) -> str:
    lines = [f"# Methods of {name}"]
    for heading, parts in _blocks(known):
        lines += [f"## {markdown(heading)}"] * bool(heading)
        lines += [f"**{title}.** {markdown(text)}" for title, text in parts if text]
    return "\n\n".join([*lines, *map(markdown, failed)]) + "\n"


def _methods_latex(known: Sequence[Told], failed: list[str]) -> str:
    lines = [f"{NEEDS}."]
    for heading, parts in _blocks(known):
        lines += [rf"\subsection*{{{tex(heading)}}}"] * bool(heading)
        lines += [rf"\paragraph{{{title}.}} {tex(text)}" for title, text in parts if text]
    return "\n\n".join([*lines, *map(tex, failed)]) + "\n"


def _rows(known: Told, library: Library) -> Grid:
    """What each row is: its parameters, what it refers to."""
    section = known.table.section
    rows = [
        (
            Cell(code(row.name)),
            Cell(parameters(row)),
            Cell(clean(paper(row)) + cite(library.of(method_of(row)))),
        )
        for row in section.rows
    ]
    return Grid(
        f"tab:{known.table.label}-rows",
        f"Rows of {clean(known.table.name)} with every parameter of their method",
        (("Row",), ("Parameters",), ("Refers to",)),
        tuple(rows),
        1,
        (),
        (1, 2),
    )
