"""The command that makes results part of the project's boards: ``medtail publish``."""

from pathlib import Path
from typing import Annotated

import typer

from medtail.datamodules.core.errors import MedtailError

from . import terminal
from .options import (
    BOARDS,
    SUITE,
    DataFilter,
    MethodFilter,
    Out,
    SeedFilter,
    Settings,
    SuiteName,
)

console = terminal.console()


def publish(
    suite: SuiteName = SUITE,
    method: MethodFilter = "",
    data: DataFilter = "",
    seed: SeedFilter = "",
    settings: Settings = [],  # noqa: B006 (typer reads the default)
    out: Out = Path("runs"),
    to: Annotated[Path, typer.Option("--to", help="Folder of the boards to add to.")] = BOARDS,
) -> None:
    """Copy the records and predictions of a suite's finished cells into the project's boards.

    A cell that is published counts as done wherever its folder went. Pages are written by `medtail
    leaderboards`.
    """
    from ..evidence import published
    from ..execution import preflight, samples
    from ..execution.soundness import check_evidence
    from ..execution.store import Store
    from ..grid.files import load
    from ..grid.filters import select

    store = Store(out)
    cells = select(list(load(suite, tuple(settings)).cells()), method, data, seed)
    check_evidence(store, cells, console)
    done = [cell for cell in cells if store.done(cell)]
    if not done:
        raise MedtailError(
            f"{out}: none of the {len(cells)} cells of {suite} is done there: `medtail bench "
            f"{suite}` runs them"
        )
    known = published.Published(to)
    old = {cell: record for cell in cells if (record := known.record(cell))}
    finished, held = store.evidence(done)
    published.publish(to, finished, held)
    known_samples = samples.keep(to, finished)
    added = sum(cell not in old for cell in done)
    replaced = sum(cell in old and old[cell] != store.read(cell) for cell in done)
    left = [cell for cell in cells if cell not in old and cell not in set(done)]
    senseless = sum(map(bool, preflight.refusals(left).values()))
    console.print(
        f"{to}: {added} cells added, {replaced} replaced, {len(old) - replaced} there already; "
        f"{len(left) - senseless} of the suite's {len(cells)} are not done in {out}"
        + f", {senseless} are n/a"
        * (senseless > 0),
        highlight=False,
    )
    for line in known_samples:
        console.print(line, highlight=False, soft_wrap=True)
    console.print("`medtail leaderboards` writes the pages", highlight=False)
