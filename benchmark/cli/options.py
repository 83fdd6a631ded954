"""Options that several commands have, and the folders that they mean."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from medtail import __version__

BOARDS = Path("leaderboards")


def suites() -> list[str]:
    """Names of the suites, for the shell's completion."""
    from ..grid.files import suite_names

    return suite_names()


SUITE = "four-tracks"  # where none is named
SuiteName = Annotated[
    str,
    typer.Argument(
        help="Name of a suite (medtail list shows them), or a YAML file.", autocompletion=suites
    ),
]
MethodFilter = Annotated[
    str, typer.Option("--method", help="Only these methods: names or globs, comma-separated.")
]
DataFilter = Annotated[
    str, typer.Option("--data", help="Only these data: names or globs, comma-separated.")
]
SeedFilter = Annotated[str, typer.Option("--seed", help="Only these seeds, comma-separated.")]
Settings = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a value of the suite, for all its tables: budget.epochs=3, "
        "methods.mixup.params.alpha=0.2; of one: data.phantom@lt100.seeds=[0]. "
        "A changed setting is a new cell.",
    ),
]
Out = Annotated[
    Path, typer.Option("--out", help="Folder of results; what is in it is not run again.")
]
Boards = Annotated[Path, typer.Option("--leaderboards", help="Folder of the leaderboards.")]
KnownBoards = Annotated[
    Path | None,
    typer.Option(
        "--leaderboards",
        help="Folder of the leaderboards; where there is none here, those that come with medtail.",
        show_default=str(BOARDS),
    ),
]


def published() -> Path | None:
    """The boards whose results need not run again: the project's, or those that medtail brings.

    The latter only with the predictions behind them, which are a wheel of their own.
    """
    from ..evidence.shipped import SHIPPED

    if (BOARDS / "records").is_dir():
        return BOARDS
    return SHIPPED if (SHIPPED / "predictions").is_dir() else None


def known_boards(given: Path | None, console: Console) -> Path:
    """The boards that a command reads: the given ones, those here, or those that medtail brings."""
    from ..evidence.shipped import SHIPPED

    if given is None and not (BOARDS / "records").is_dir() and (SHIPPED / "records").is_dir():
        console.print(
            f"no {BOARDS}/ here: reading the boards that come with medtail {__version__}",
            highlight=False,
        )
        return SHIPPED
    return given or BOARDS
