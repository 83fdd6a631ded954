"""The command that writes what a paper needs of a board: ``medtail report``."""

from pathlib import Path
from typing import Annotated

import typer

from medtail.datamodules.core.errors import MedtailError, unknown

from . import terminal
from .options import KnownBoards, known_boards, suites

console = terminal.console()


def report(
    name: Annotated[
        str,
        typer.Argument(
            metavar="BOARD|SUITE",
            help="A board, such as isic2018@lt100, or a suite: all its boards in one report.",
            autocompletion=suites,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the report.", show_default="report/BOARD"),
    ] = None,
    folder: KnownBoards = None,
) -> None:
    """Write methods text, tables, references and reporting items of a board. Trains nothing.

    All of it follows from the records and predictions; what they do not say is named.
    """
    from ..report import folder as of_report
    from ..report import pages, sources

    root = known_boards(folder, console)
    title, boards = _boards(root, name)
    files = pages.files(title, sources.tables(root, boards))
    for path in of_report.save(out or Path("report") / title, title, files):
        console.print(str(path), highlight=False, soft_wrap=True)


def _boards(root: Path, name: str) -> tuple[str, list[str]]:
    """What a report is called, and its boards.

    Raises:
        MedtailError: no such board or suite, or none of a suite's boards has records.
    """
    from ..grid.files import load, suite_names

    known = sorted(path.stem for path in (root / "records").glob("*.jsonl"))
    if name in known:
        return name, [name]
    if not (name in suite_names() or name.endswith((".yaml", ".yml"))):
        raise unknown(f"board of {root} or suite", name, [*known, *suite_names()])
    wanted = list(dict.fromkeys(entry.name for entry in load(name).data))
    found = [board for board in wanted if board in known]
    if not found:
        raise MedtailError(f"suite {name}: none of its boards is in {root}")
    for board in wanted:
        if board not in found:
            console.print(f"{board}: no records in {root}, left out", soft_wrap=True)
    return Path(name).stem if "/" in name or "." in name else name, found
