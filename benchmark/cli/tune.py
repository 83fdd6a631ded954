"""The command that tunes every method of a suite alike: ``medtail tune``."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtail.datamodules.core.errors import MedtailError

from . import terminal
from .bench import complain, interrupted, show_boards
from .options import DataFilter, MethodFilter, Out, SeedFilter, Settings, SuiteName, published

if TYPE_CHECKING:
    from ..execution.launch import Launcher
    from ..execution.store import Store
    from ..grid.cell import Cell
    from ..tuning.choice import Found
    from ..tuning.search import Search

console = terminal.console()
Rows = dict["Cell", list["Cell"]]
Start = Callable[[int], "Launcher"]
SETTLED = "training diverged"  # the same values would diverge again


def tune(
    suite: SuiteName,
    trials: Annotated[
        int, typer.Option(help="Of every row; the first has the values of the table.", min=2)
    ] = 10,
    folds: Annotated[
        int,
        typer.Option(help="Of train and validation, by groups; each trial trains on all.", min=2),
    ] = 3,
    span: Annotated[
        float, typer.Option(help="Largest factor above and below the table's lr and weight decay.")
    ] = 10.0,
    search_seed: Annotated[
        int, typer.Option(help="Of the values that are drawn and of the trials' trainings.", min=0)
    ] = 0,
    method: MethodFilter = "",
    data: DataFilter = "",
    seed: SeedFilter = "",
    settings: Settings = [],  # noqa: B006 (typer reads the default)
    launcher: Annotated[
        str, typer.Option(help="inline, processes or ray, or auto, as medtail bench has them.")
    ] = "auto",
    workers: Annotated[int, typer.Option(help="Cells at a time; 0 for one per core.", min=0)] = 0,
    out: Out = Path("runs"),
    leaderboards: Annotated[
        Path | None,
        typer.Option(help="Folder of the leaderboards.", show_default="leaderboards in --out"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count the trainings and estimate the time.")
    ] = False,
) -> None:
    """Search learning rate, weight decay and a method's own ranges alike for every row of a suite.

    Trials are scored on folds of train and validation, never on the test. The values that are best
    are then trained with the suite's seeds and tested once; boards show them beside the default. A
    second call does only what is missing.
    """
    from ..execution import ending, estimate, preflight, room
    from ..execution.launch import check, choose
    from ..execution.soundness import check_evidence
    from ..execution.store import Store
    from ..grid.files import load
    from ..grid.filters import select
    from ..grid.time_limit import seconds_of
    from ..tuning.search import Search

    if span <= 1:
        raise MedtailError(f"--span {span:g}: give a factor above 1")
    check(launcher, "")
    tell = partial(console.print, markup=False, highlight=False)
    chosen = load(suite, settings, tell)
    cells = preflight.applicable(select(list(chosen.cells()), method, data, seed), console)
    search = Search(trials, folds, search_seed, span)
    rows, tried = _rows(cells), _tried(search, cells)
    store, kept = Store(out, published()), Store(out / "tuning")
    check_evidence(store, cells, console)
    check_evidence(kept, tried, console)
    missing = [cell for cell in tried if not _settled(kept, cell)]
    tell(
        f"{suite}: {len(rows)} rows, {trials} trials each on {folds} folds of train and validation"
    )
    done = len(tried) - len(missing)
    tell(f"{len(tried)} trainings of the search, {done} done, {len(missing)} to run")
    if dry_run:
        estimate.show(cells, [*missing, *(c for c in cells if not store.done(c))], workers, console)
        return
    boards = leaderboards or out / "leaderboards"
    room.try_to_write(boards)
    start = partial(choose, launcher, workers=workers, address="")
    with ending.noticed() as ended:
        try:
            failures = _run(missing, kept, start, seconds_of(chosen.time_limit))
        except KeyboardInterrupt:
            done = sum(_settled(kept, cell) for cell in tried)
            tell(f"interrupted: {done} of {len(tried)} trainings of the search are done and kept; "
                 "the same command does the rest")  # fmt: skip
            raise typer.Exit(ended.status) from None
        results = [_found(search, row, kept) for row in rows]
        for line in _told(results, boards):
            tell(line)
        every = [*cells, *(c for r in results for c in r.tuned(rows[r.row]))]
        try:
            waiting = [cell for cell in every if not store.done(cell)]
            failures += _run(waiting, store, start, seconds_of(chosen.time_limit))
        except KeyboardInterrupt:
            interrupted(store, every, boards)
            raise typer.Exit(ended.status) from None
    show_boards(store, every, boards)
    _compare(boards, every)
    complain(failures, len(tried) + len(every), out)


def _rows(cells: "list[Cell]") -> Rows:
    """A cell of each row -> all of its cells; raises where a table cannot be tuned."""
    from ..tuning.search import refusal

    rows: Rows = {}
    first: dict[tuple[object, str], Cell] = {}
    for cell in cells:
        if why := refusal(cell.terms):
            raise MedtailError(f"{cell.terms.data}: {why}")
        head = first.setdefault((cell.terms, cell.kind), cell)
        rows.setdefault(head, []).append(cell)
    return rows


def _tried(search: "Search", cells: "list[Cell]") -> "list[Cell]":
    """Cells of the trials, all rows of a fold together: its data is prepared once."""
    from ..tuning.search import cells_of

    found = [(fold, cell) for row in _rows(cells) for _, fold, cell in cells_of(search, row)]
    tables = list(dict.fromkeys(cell.terms for cell in cells))
    order = {terms.data: n for n, terms in reversed(list(enumerate(tables)))}
    each = sorted(found, key=lambda pair: (order[pair[1].terms.data], pair[0]))
    return list(dict.fromkeys(cell for _, cell in each))


def _settled(store: "Store", cell: "Cell") -> bool:
    """Whether a trial needs no training any more: it has a score, or surely would have none."""
    record = store.read(cell)
    if record and record.status == "failed":
        return record.reason.startswith(SETTLED)
    return store.done(cell)


def _found(search: "Search", row: "Cell", store: "Store") -> "Found":
    from ..tuning.choice import found

    return found(search, row, store.read)


def _run(cells: "list[Cell]", store: "Store", start: Start, limit: float | None) -> list[str]:
    """Run cells; lines on those that failed, a diverged trial not among them."""
    from ..execution import driver, preflight, room

    if not cells:
        return []
    keep = "best" if all(c.terms.inner_fold == 0 for c in cells) else "none"
    with store.owned():
        room.check_room(cells, store, [], keep, console)
        preflight.check(cells, console)
        launch = start(len(cells))
        failures = driver.run_missing(cells, store, launch, 1, "disabled", console, keep, limit)
    return [line for line in failures if f": {SETTLED}" not in line]


def _told(results: "list[Found]", boards: Path) -> list[str]:
    """Lines on what was chosen; every trial is written beside the boards."""
    from ..evidence.record import write
    from ..tuning.choice import measure, text

    lines, by_data = [], dict[str, list["Found"]]()
    for found in results:
        by_data.setdefault(found.row.terms.data, []).append(found)
        best, first = found.best, found.trials[0].score
        lost = f"; {found.failed} of {len(found.trials)} trials failed" if found.failed else ""
        name = f"{found.row.row} on {found.row.terms.data}"
        if best is None:
            lines.append(f"{name}: no trial has a score: it is not tuned{lost}")
            continue
        values = best.values
        own = [f"{k} {v}" for k, v in values.params.items() if v != found.row.params.get(k)]
        chosen = ", ".join([f"lr {values.lr:g}", f"weight decay {values.weight_decay:g}", *own])
        before = "none" if first is None else f"{first:.3f}"
        score = f"{measure(found.row).replace('_', ' ')} on the folds {before} -> {best.score:.3f}"
        lines.append(f"{name}: {chosen} ({score}){lost}")
    for data, rows in by_data.items():
        path = boards / "tuning" / f"{data}-{rows[0].search.digest}.json"
        write(path, text(rows[0].search, rows))
        lines.append(f"every trial: {path}")
    return lines


def _compare(boards: Path, cells: "list[Cell]") -> None:
    """Print what boards say of tuned against default."""
    names = {cell.terms.data for cell in cells}
    whole = json.loads((boards / "leaderboards.json").read_text(encoding="utf-8"))
    for board in whole["boards"]:
        for table in board["tables"] if board["data"] in names else []:
            for study in table.get("tuned", []):
                for line in study["words"]:
                    console.print(f"{board['data']}: {line}", markup=False, highlight=False)
