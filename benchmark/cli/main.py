"""The command line: ``medtail``, the same as ``python -m benchmark``."""

import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from medtail.datamodules.core.errors import MedtailError

from . import regress
from .cards import cards
from .data import data_app
from .new import new_app
from .score import score

if TYPE_CHECKING:
    from ..execution.store import Store
    from ..grid.cell import Cell

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A benchmark of imbalanced, long-tailed and rare-disease medical image classification.",
)
app.add_typer(data_app, name="data")
app.add_typer(new_app, name="new")
app.command()(score)
app.command()(cards)
regress.register(app)
console = Console()
BOARDS = Path("leaderboards")
FILE_TROUBLE = (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
EXIT_USER, EXIT_FAILED_CELLS, EXIT_INTERRUPTED = 2, 1, 130

SuiteName = Annotated[
    str, typer.Argument(help="Name of a suite (medtail list suites), or a YAML file.")
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
        help="Change a value of the suite: budget.epochs=3. A changed setting is a new cell.",
    ),
]
Out = Annotated[
    Path, typer.Option("--out", help="Folder of results; what is in it is not run again.")
]
Boards = Annotated[Path, typer.Option("--leaderboards", help="Folder of the leaderboards.")]


@app.command()
def bench(
    suite: SuiteName = "quick",
    method: MethodFilter = "",
    data: DataFilter = "",
    seed: SeedFilter = "",
    settings: Settings = [],  # noqa: B006 (typer reads the default)
    launcher: Annotated[
        str, typer.Option(help="inline, ray, or auto: ray for several cells.")
    ] = "auto",
    workers: Annotated[int, typer.Option(help="Cells at a time; 0 for one per core.", min=0)] = 0,
    cells_per_gpu: Annotated[int, typer.Option(help="Small cells that share a GPU.", min=1)] = 4,
    ray_address: Annotated[
        str, typer.Option(help="A running Ray cluster; empty for this machine.")
    ] = "",
    devices: Annotated[
        int, typer.Option(help="Processes or GPUs that train one cell together (DDP).", min=1)
    ] = 1,
    out: Out = Path("runs"),
    leaderboards: Boards = BOARDS,
    wandb: Annotated[str, typer.Option(help="offline, online or disabled.")] = os.environ.get(
        "WANDB_MODE", "offline"
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the cells and estimate the time.")
    ] = False,
) -> None:
    """Run what is missing of a suite and write the leaderboards.

    A second call does only what is missing; Ctrl-C loses at most the cells that are running.
    """
    from ..execution import driver, estimate, preflight
    from ..execution.launch import inline, ray
    from ..execution.store import Store
    from ..execution.tracking import MODES
    from ..grid.files import load
    from ..grid.suite import select

    if launcher not in ("auto", "inline", "ray"):
        raise MedtailError(f"--launcher {launcher}: write auto, inline or ray")
    mode = next((known for known in MODES if known == wandb), None)
    if mode is None:
        raise MedtailError(f"--wandb {wandb}: write {', '.join(MODES)}")
    chosen = load(suite, tuple(settings))
    cells = preflight.applicable(select(list(chosen.cells()), method, data, seed), console)
    if settings and leaderboards == BOARDS:
        leaderboards = out / "leaderboards"  # the project's own boards keep to its suites
    store = Store(out)
    missing = [cell for cell in cells if not store.done(cell)]
    console.print(f"{suite}: {chosen.title or 'no title'}", highlight=False)
    amounts = f"{len(cells)} cells, {len(cells) - len(missing)} done, {len(missing)} to run"
    console.print(amounts, highlight=False)
    if dry_run:
        estimate.show(cells, missing, workers, console)
        return
    several = launcher == "ray" or (launcher == "auto" and len(missing) > 1)
    start = ray.launcher(workers, cells_per_gpu, ray_address) if several else inline.launch
    with store.owned():
        preflight.check(missing, console)
        try:
            failures = driver.run_missing(missing, store, start, devices, mode, console)
        except KeyboardInterrupt:
            over = f"{sum(store.done(cell) for cell in cells)} of {len(cells)} cells"
            console.print(f"interrupted: {over} are done and kept; the same command does the rest")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        _publish(store, cells, leaderboards)
    _complain(failures, len(cells), out)


def _complain(failures: list[str], total: int, out: Path) -> None:
    """Say which cells failed, in the exit status, too."""
    for line in failures:
        console.print(line, style="red", markup=False, highlight=False)
    if failures:
        traces = f"the tracebacks lie in {out}/cells/*/*/traceback.txt"
        console.print(f"{len(failures)} of {total} cells failed; {traces}")
        raise typer.Exit(EXIT_FAILED_CELLS)


def _publish(store: "Store", cells: "list[Cell]", leaderboards: Path) -> None:
    """Write the leaderboards; print their tables in short, and where they are in full."""
    from ..boards import leaderboard
    from ..execution.worker import commit

    finished = store.finished(cells)
    leaderboard.publish(leaderboards, finished)
    leaderboard.render(leaderboards)
    records = [record for record, _ in finished]
    for name in sorted({cell.terms.data for cell in cells}):
        mine = [record for record in records if record.cell.terms.data == name]
        if mine:
            console.print(leaderboard.terminal_table(mine))
    others = {r.provenance.commit for r in records if r.provenance} - {commit()}
    if others:
        console.print(
            f"some of these cells ran at other commits ({', '.join(sorted(others))}): remove their "
            "folders in runs/cells/ to run them again",
            highlight=False,
        )
    console.print(f"leaderboards: {leaderboards / 'index.html'}, README.md", highlight=False)


@app.command()
def leaderboards(folder: Boards = BOARDS) -> None:
    """Write the leaderboards from their records. Trains nothing."""
    from ..boards import leaderboard

    for path in leaderboard.render(folder):
        console.print(str(path), highlight=False)


@app.command()
def compare(
    new: Annotated[str, typer.Argument(help="A row of the boards, such as proco.")],
    base: Annotated[list[str], typer.Argument(help="Rows it is compared with.")],
    data: Annotated[
        str, typer.Option("--data", help="Only these boards: names or globs, comma-separated.")
    ] = "*",
    suite: Annotated[str, typer.Option("--suite", help="Only the boards of this suite.")] = "",
    png: Annotated[Path | None, typer.Option("--png", help="Draw the differences, too.")] = None,
    folder: Boards = BOARDS,
) -> None:
    """Compare a method with others: paired differences on the same samples, with intervals.

    On every board that has both rows; the verdict of several comparisons is corrected.
    """
    from ..comparison import differences, pages
    from ..grid.files import load

    names = differences.boards(folder, data)
    if suite:
        of_suite = {entry.name for entry in load(suite).data}
        names = [name for name in names if name in of_suite]
        if not names:
            raise MedtailError(f"suite {suite}: none of its boards is in {folder}")
    found = differences.compare(folder, names, new, base)
    for one in found:
        console.print(pages.table(one))
    console.print(pages.HOW, highlight=False)
    for line in pages.verdict(found):
        console.print(line, highlight=False, markup=False)
    if png:
        png.parent.mkdir(parents=True, exist_ok=True)
        png.write_bytes(pages.picture(found))
        console.print(f"picture: {png}", highlight=False)


@app.command()
def status(suite: SuiteName = "quick", settings: Settings = [], out: Out = Path("runs")) -> None:  # noqa: B006
    """Show what of a suite is done, failed or missing."""
    from ..execution import overview
    from ..execution.store import Store
    from ..grid.files import load

    console.print(overview.status(load(suite, tuple(settings)), Store(out)))


@app.command("list")
def list_all() -> None:
    """List methods, datasets, regimes and suites."""
    from ..execution import overview

    for table in overview.tables():
        console.print(table)


def main() -> None:
    """Entry point: a user's mistake is one line on standard error and exit status 2."""
    try:
        app(standalone_mode=True)
    except MedtailError as error:
        sys.stderr.write(f"medtail: {error}\n")
        sys.exit(EXIT_USER)
    except OSError as error:
        if error.errno not in FILE_TROUBLE:
            raise
        sys.stderr.write(
            f"medtail: {error.filename}: {error.strerror}; nothing that exists is lost\n"
        )
        sys.exit(EXIT_USER)


if __name__ == "__main__":
    main()
