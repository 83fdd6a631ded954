"""The command that runs a suite: ``medtail bench``."""

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtail.datamodules.core.errors import MedtailError

from . import terminal
from .options import (
    SUITE,
    DataFilter,
    MethodFilter,
    Out,
    SeedFilter,
    Settings,
    SuiteName,
    published,
)

if TYPE_CHECKING:
    from ..execution.store import Store
    from ..grid.cell import Cell

console = terminal.console()
EXIT_FAILED_CELLS = 1


def bench(
    suite: SuiteName = SUITE,
    method: MethodFilter = "",
    data: DataFilter = "",
    seed: SeedFilter = "",
    settings: Settings = [],  # noqa: B006 (typer reads the default)
    launcher: Annotated[
        str,
        typer.Option(
            help="inline (one cell after the other, here), processes (this machine's cores and "
            "GPUs), ray (a cluster, too), slurm (arrays of jobs), or auto: processes for several "
            "cells."
        ),
    ] = "auto",
    workers: Annotated[int, typer.Option(help="Cells at a time; 0 for one per core.", min=0)] = 0,
    cells_per_gpu: Annotated[
        int,
        typer.Option(
            help="Small cells that share a GPU.", min=0, show_default="as many as fit, by a trial"
        ),
    ] = 0,
    ray_address: Annotated[
        str, typer.Option(help="A running Ray cluster; empty for this machine.")
    ] = "",
    slurm: Annotated[
        list[str],
        typer.Option(
            metavar="KEY=VALUE",
            help="What Slurm gives each job: partition=gpu,time=2:00:00,gpus=1,mem=16.",
        ),
    ] = [],  # noqa: B006 (typer reads the default)
    devices: Annotated[
        int, typer.Option(help="Processes or GPUs that train one cell together (DDP).", min=1)
    ] = 1,
    out: Out = Path("runs"),
    leaderboards: Annotated[
        Path | None,
        typer.Option(help="Folder of the leaderboards.", show_default="leaderboards in --out"),
    ] = None,
    wandb: Annotated[str, typer.Option(help="offline, online or disabled.")] = (
        os.environ.get("WANDB_MODE") or "offline"
    ),
    keep: Annotated[
        str,
        typer.Option(help="Trained networks that stay: best (a seed of each row), all or none."),
    ] = "best",
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="Run cells again whose shared code has changed since."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the cells and estimate the time.")
    ] = False,
) -> None:
    """Run what is missing of a suite and write the leaderboards.

    A second call does only what is missing, or was of other data or another method's code. What is
    published counts as done. Ctrl-C, SIGTERM and SIGHUP write the boards of what is done; a cell
    that was training goes on where it was, to within a minute.
    """
    from ..execution import driver, ending, estimate, packing, preflight, renewal, surroundings
    from ..execution.launch import check, choose, left
    from ..execution.room import check_room
    from ..execution.soundness import check_evidence
    from ..execution.store import Store
    from ..execution.tracking import mode_of
    from ..grid.files import load
    from ..grid.filters import select
    from ..grid.time_limit import seconds_of
    from ..networks.keeping import KEEP

    check(launcher, ray_address, slurm)
    mode = mode_of(wandb)
    if keep not in KEEP:
        raise MedtailError(f"--keep {keep}: write {', '.join(KEEP)}")
    chosen = load(suite, settings, lambda line: console.print(line, markup=False, highlight=False))
    cells = preflight.applicable(select(list(chosen.cells()), method, data, seed), console)
    store = Store(out, published())
    check_evidence(store, cells, console)
    older = renewal.older(store, cells)
    missing = [c for c in cells if (refresh and c in older) or not store.done(c)]
    console.print(f"{suite}: {chosen.title or 'no title'}", highlight=False)
    amounts = f"{len(cells)} cells, {len(cells) - len(missing)} done, {len(missing)} to run"
    console.print(amounts, highlight=False)
    for line in renewal.reasons(store, cells):
        console.print(line, markup=False, highlight=False)
    if older and not refresh:
        console.print(renewal.of_older(store, older), markup=False, highlight=False)
    if dry_run:
        estimate.show(cells, missing, workers, console)
        return
    boards = leaderboards or out / "leaderboards"
    start = choose(launcher, len(missing), workers, ray_address, slurm)
    for line in (surroundings.shorten_temporary_folder(), surroundings.of_a_sweep()):
        if line and missing:
            console.print(line)
    with store.owned():
        left.check(store.root, missing, "slurm" if slurm else launcher)
        check_room(missing, store, [boards], keep, console)
        step_mib = preflight.check(missing, console, devices)
        limit = seconds_of(chosen.time_limit)
        launch = partial(start, cells_per_gpu=cells_per_gpu or packing.cells_per_gpu(step_mib))
        with ending.noticed() as ended:
            try:
                failures = driver.run_missing(
                    missing, store, launch, devices, mode, console, keep, limit
                )
            except KeyboardInterrupt:
                interrupted(store, cells, boards)
                if line := left.of_interrupted(store.root, missing):
                    console.print(line, markup=False, highlight=False, soft_wrap=True)
                raise typer.Exit(ended.status) from None
        show_boards(store, cells, boards)
    complain(failures, len(cells), out)


def interrupted(store: "Store", cells: "list[Cell]", boards: Path) -> None:
    """Say what is kept, and write the boards of it."""
    done = sum(store.done(cell) for cell in cells)
    over = f"{done} of {len(cells)} cells"
    console.print(f"interrupted: {over} are done and kept; the same command does the rest")
    if done:
        show_boards(store, cells, boards)


def complain(failures: list[str], total: int, out: Path) -> None:
    """Say which cells failed, in the exit status, too."""
    for line in failures:
        console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    if failures:
        traces = f"the tracebacks lie in {out}/cells/*/*/traceback.txt"
        console.print(f"{len(failures)} of {total} cells failed; {traces}")
        raise typer.Exit(EXIT_FAILED_CELLS)


def show_boards(store: "Store", cells: "list[Cell]", leaderboards: Path) -> None:
    """Write the leaderboards; print their tables in short, and where they are in full."""
    from ..boards import leaderboard
    from ..execution import samples

    finished, held = store.evidence(cells)
    leaderboard.publish(leaderboards, finished, held)
    for line in samples.keep(leaderboards, finished):
        console.print(line, highlight=False, soft_wrap=True)
    leaderboard.render(leaderboards)
    records = [record for record, _ in finished]
    for name in sorted({cell.terms.data for cell in cells}):
        mine = [record for record in records if record.cell.terms.data == name]
        if mine:
            for table in leaderboard.terminal_tables(mine):
                console.print(table)
    console.print(f"leaderboards: {leaderboards / 'index.html'}, README.md", highlight=False)
