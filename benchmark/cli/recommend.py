"""The command for a few hundred images of one's own: ``medtail recommend``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import terminal

if TYPE_CHECKING:
    from ..recommendation.run import Recommendation

console = terminal.console()
EXIT_FAILED_CELLS = 1


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def recommend(
    data: Annotated[
        str, typer.Argument(help="Name of a dataset: one of one's own (medtail data add), or ours.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of results; what is in it is not run again.",
            show_default="runs/recommend/NAME",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each row on each fold.", min=1)] = 3,
    folds: Annotated[int, typer.Option(help="Of the cross-validation by groups, 3 or more.")] = 5,
    features: Annotated[
        str, typer.Option(help="Parquet with features of one's own (id, vector), not images.")
    ] = "",
    backbone: Annotated[str, typer.Option(help="That features are computed with.")] = "",
    weights: Annotated[str, typer.Option(help="Of the backbone, as suites name them.")] = "",
    image_size: Annotated[
        int, typer.Option(help="Pixels of a side.", min=0, show_default="96")
    ] = 0,
    head: Annotated[
        str, typer.Option(help="Above the features: linear, mlp or cosine.", show_default="linear")
    ] = "",
    launcher: Annotated[
        str, typer.Option(help="As of medtail bench: auto, inline, processes or ray.")
    ] = "auto",
    workers: Annotated[int, typer.Option(help="Cells at a time; 0 for one per core.", min=0)] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how long it takes.")] = False,
) -> None:
    """Which of six robust rows to take for a few hundred images, and what to expect of it.

    By folds of whole groups on frozen features, with a nested estimate, the sensitivity of every
    class and an ensemble for `medtail predict`. A second call does only what is missing.
    """
    from ..execution import ending
    from ..execution.launch import check, choose
    from ..execution.soundness import check_evidence
    from ..execution.store import Store
    from ..recommendation import duration, run
    from ..recommendation.plan import plan

    check(launcher)
    terms = {"features": features, "backbone": backbone, "weights": weights, "head": head}
    asked = run.fitting(plan(data, folds, seeds, terms | {"image_size": image_size}), console)
    place = out or Path("runs/recommend") / asked.data
    store = Store(place)
    check_evidence(store, [*asked.cells, *asked.pairs], console)
    cells, pairs = run.missing(asked, store)
    total = len(asked.cells) + len(asked.pairs)
    _say(
        f"{asked.data}: {len(asked.cells)} cells of {folds} folds, {len(asked.pairs)} of pairs of "
        f"folds for the choices inside; {total - len(cells) - len(pairs)} are done"
    )
    if dry_run:
        for line in duration.told([*cells, *pairs], workers):
            _say(line)
        return
    launch = choose(launcher, len(cells) + len(pairs), workers)
    with store.owned(), ending.noticed() as ended:
        try:
            failures = run.perform(cells, pairs, store, launch, console)
            found = run.conclude(asked, store)
        except KeyboardInterrupt:
            left = sum(map(len, run.missing(asked, store)))
            _say(
                f"interrupted: {total - left} of {total} cells are done and kept; the same command "
                "does the rest"
            )
            raise typer.Exit(ended.status) from None
    _tell(found, place)
    if failures:
        for line in failures:
            console.print(line, style="red", markup=False, highlight=False)
        raise typer.Exit(EXIT_FAILED_CELLS)


def _tell(found: "Recommendation", place: Path) -> None:
    """Print the recommendation, and write its page, picture and numbers."""
    from rich.table import Table

    from ..recommendation import pages, words

    data, pick, expectation, kept = words.sentences(found, str(place))
    _say(f"\n{data}\n\n{pick}")
    for lines, after in (
        (words.table_of_rows(found), expectation),
        (words.table_of_classes(found), kept),
    ):
        table = Table(*lines[0], box=None, padding=(0, 2, 0, 0))
        table.columns[0].no_wrap = True
        for line in lines[1:]:
            table.add_row(*line)
        console.print(table)
        _say(f"\n{after}\n")
    _say(words.caution(found))
    for path in pages.write(place, found):
        console.print(f"{path}: written", markup=False, highlight=False, soft_wrap=True)
