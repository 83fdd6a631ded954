"""The commands that show what there is and how far it is: ``medtail list``, ``medtail status``."""

from pathlib import Path

from . import terminal
from .options import Out, Settings, SuiteName, published

console = terminal.console()


def status(suite: SuiteName = "quick", settings: Settings = [], out: Out = Path("runs")) -> None:  # noqa: B006
    """Show what of a suite is done, failed or missing."""
    from ..execution import overview
    from ..execution.store import Store
    from ..grid.files import load

    console.print(overview.status(load(suite, tuple(settings)), Store(out, published())))


def list_all() -> None:
    """List methods, datasets, regimes and suites."""
    from ..execution import overview

    for table in overview.tables():
        console.print(table)
