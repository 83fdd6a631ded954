"""The command line: ``medtail``, the same as ``python -m medtail``.

A command imports what it needs when it runs, so that help and lists come at once.
"""

import gc
import os
import sys
from typing import Annotated

import typer

from medtail import __version__
from medtail.datamodules.core.disk import refusal
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.markup import visible
from medtail.datamodules.core.process import only_reads

from ..execution.ending import in_one_line
from ..execution.surroundings import mend_folders
from . import regress
from .bench import bench
from .boards import compare, leaderboards
from .cards import cards
from .data import data_app
from .data_add import add
from .data_duplicates import duplicates
from .data_export import export as export_data
from .data_prepare import prepare
from .data_sources import sources
from .decisions import decisions
from .networks import clean, export, predict
from .new import new_app
from .overview import list_all, status
from .publish import publish
from .recommend import recommend
from .report import report
from .score import score
from .terminal import show_what_can_be_shown
from .tune import tune

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A benchmark of imbalanced, long-tailed and rare-disease medical image classification.",
)
for command in (
    bench,
    tune,
    recommend,
    publish,
    leaderboards,
    compare,
    report,
    score,
    decisions,
    regress.regress,
    regress.golden,
    status,
):
    app.command()(command)
app.command("list")(list_all)
app.command()(predict)
app.command()(export)
app.command()(clean)
app.command()(cards)
data_app.command("add")(add)
data_app.command()(duplicates)
data_app.command("export")(export_data)
data_app.command()(prepare)
data_app.command()(sources)
app.add_typer(data_app, name="data")
app.add_typer(new_app, name="new")

EXIT_USER = 2
READ_ONLY = (["list"], ["status"], ["report"], ["data", "status"])  # that train nothing


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"medtail {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of the command itself."""


def main() -> None:
    """Entry point: a user's mistake is one line on standard error and exit status 2."""
    # A notebook hands its own on, which an environment without its packages cannot load.
    os.environ["MPLBACKEND"] = "agg"
    show_what_can_be_shown()
    if any(sys.argv[1 : 1 + len(words)] == words for words in READ_ONLY):
        only_reads()
        gc.disable()  # tables of labels are many small objects, which the process's end frees
    else:
        for line in mend_folders():
            sys.stderr.write(f"medtail: {line}\n")
    try:
        with in_one_line():
            app(standalone_mode=True)
    except MedtailError as error:
        sys.stderr.write(f"medtail: {visible(str(error))}\n")
        sys.exit(EXIT_USER)
    except (OSError, RuntimeError) as error:
        if (refused := refusal(error)) is None:
            raise
        sys.stderr.write(f"medtail: {visible(str(refused))}\n")
        sys.exit(EXIT_USER)


if __name__ == "__main__":
    main()
