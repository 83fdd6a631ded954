"""The commands that write boards and ask them: ``medtail leaderboards``, ``medtail compare``."""

from pathlib import Path
from typing import Annotated

import typer

from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.writing import whole

from . import terminal
from .options import BOARDS, Boards, KnownBoards, known_boards

console = terminal.console()
PNG = b"\x89PNG"  # what such a file begins with


def leaderboards(folder: Boards = BOARDS) -> None:
    """Write the leaderboards from their records. Trains nothing."""
    from ..boards import leaderboard

    if not (folder / "records").is_dir():
        raise MedtailError(f"{folder}: no boards there: it has no folder records/")
    for path in leaderboard.render(folder):
        console.print(str(path), highlight=False)


def compare(
    new: Annotated[str, typer.Argument(help="A row of the boards, such as proco.")],
    base: Annotated[list[str], typer.Argument(help="Rows it is compared with.")],
    data: Annotated[
        str, typer.Option("--data", help="Only these boards: names or globs, comma-separated.")
    ] = "*",
    suite: Annotated[str, typer.Option("--suite", help="Only the tables of this suite.")] = "",
    alike: Annotated[
        float | None,
        typer.Option(
            "--alike", min=0, help="Points within which rows are alike: how sure each case is."
        ),
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", help="Draw the differences, too.")] = None,
    folder: KnownBoards = None,
) -> None:
    """Compare a method with others: paired differences on the same samples, with intervals.

    In every table that has both rows; the verdict of several comparisons is corrected.
    """
    from ..boards import section
    from ..comparison import differences, pages
    from ..grid.files import load

    if png and png.exists() and not (png.is_file() and png.read_bytes().startswith(PNG)):
        raise MedtailError(f"--png {png} exists, and is no picture of this kind: name another file")
    folder = known_boards(folder, console)
    names = differences.boards(folder, data)
    tables = None
    if suite:
        terms = [cell.terms for cell in load(suite).cells()]
        tables = {section.key(one) for one in terms}
        names = [name for name in names if name in {one.data for one in terms}]
        if not names:
            raise MedtailError(f"suite {suite}: none of its boards is in {folder}")
    found = differences.compare(folder, names, new, base, tables=tables)
    for one in found:
        console.print(pages.table(one, alike))
    console.print(pages.HOW, highlight=False)
    for line in pages.verdict(found):
        console.print(line, highlight=False, markup=False)
    if png:
        with whole(png) as part:
            part.write_bytes(pages.picture(found))
        console.print(f"picture: {png}", highlight=False)
