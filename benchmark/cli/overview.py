"""The commands that show what there is and how far it is: ``medtail list``, ``medtail status``."""

from pathlib import Path
from typing import Annotated

import typer

from . import terminal
from .options import SUITE, Out, Settings, SuiteName, published

console = terminal.console()


def status(
    suite: SuiteName = SUITE,
    settings: Settings = [],  # noqa: B006 (typer reads the default)
    out: Out = Path("runs"),
    cells: Annotated[bool, typer.Option("--cells", help="A line for each cell, too.")] = False,
    state: Annotated[
        str,
        typer.Option(
            help="Only the cells that are done, running, failed, damaged, runs again, missing "
            "or n/a."
        ),
    ] = "",
) -> None:
    """Show how far a suite is: cells by state, pace and time left, what failed and why."""
    from ..execution import standing
    from ..execution.store import Store
    from ..grid.files import load

    asked, store = load(suite, tuple(settings)), Store(out, published())
    for part in standing.summary(asked, store):
        console.print(part)
    if cells or state:
        console.print(standing.every_cell(asked, store, state))


def list_all() -> None:
    """List methods, datasets, regimes and suites."""
    from ..execution import overview

    for table in overview.tables():
        console.print(table)
