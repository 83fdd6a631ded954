"""The page of a board's decisions, with its pictures: from evidence alone."""

from collections.abc import Callable, Iterator
from pathlib import Path

from medtail.datamodules.core.markup import inert
from medtail.datamodules.core.writing import whole

from ..boards.terms import describe
from ..evidence.record import write
from . import (
    calibration_table,
    cost_table,
    costs,
    prior_table,
    selective_table,
    subgroup_table,
    threshold_table,
)
from .material import Material
from .topic import Topic

TOPICS: tuple[Callable[[Material], Topic], ...] = (
    calibration_table.topic,
    threshold_table.topic,
    prior_table.topic,
    selective_table.topic,
    subgroup_table.topic,
)
NO_COSTS = (
    "`--costs FILE.csv` adds what decisions cost by a matrix of your own: a row for each class "
    "that is true, a column for each decision, and a first column with the names of the rows.",
)
MARK = "<!-- Written by `medtail decisions` from records and predictions. -->"


def topics(material: Material, costs_file: Path | None) -> Iterator[Topic]:
    """Of a table of a board, in the order of its page; each is computed as it is asked for.

    Args:
        material: the table.
        costs_file: CSV of a matrix of costs; None for none.

    Raises:
        MedtailError: the costs are none of this board's classes.
    """
    matrix = costs.read(costs_file, material.names) if costs_file else None
    if matrix is not None:
        yield cost_table.topic(material, matrix)
    for topic in TOPICS:
        yield topic(material)
    if matrix is None:
        yield Topic("Expected cost", NO_COSTS)


def save(out: Path, parts: list[tuple[Material, list[Topic]]]) -> list[Path]:
    """Write the page of a board and its pictures.

    Args:
        out: folder.
        parts: tables with their topics.

    Returns:
        The files written, the page first.
    """
    data = parts[0][0].data
    page = out / f"{data}.md"
    text, files = [MARK, f"# Decisions: {data}"], [page]
    for number, (material, found) in enumerate(parts, 1):
        stem = f"{data}-{number}" if len(parts) > 1 else data
        terms = ", ".join(describe(material.section.terms))
        text.append(f"Rows of a table of the board: {inert(terms)}.")
        left_out = len(material.section.rows) - len(material.entries)
        if left_out:
            text.append(f"{left_out} of its rows have no predictions here and are left out.")
        if material.section.outside:
            text.append("Submitted predictions are left out: they have no validation.")
        for topic in found:
            text.append(topic.page(stem))
            for name, (content, _) in topic.pictures.items():
                files.append(out / f"{stem}-{name}.png")
                with whole(files[-1]) as part:
                    part.write_bytes(content)
    write(page, "\n\n".join(text) + "\n")
    return files
