"""The command that asks what a board's predictions are worth: ``medtail decisions``."""

from pathlib import Path
from typing import Annotated

import typer

from . import terminal
from .options import KnownBoards, known_boards

console = terminal.console()


def decisions(
    data: Annotated[str, typer.Argument(help="A long-tail board, such as isic2018@natural.")],
    method: Annotated[
        str, typer.Option("--method", help="Show only these rows: names or globs, comma-separated.")
    ] = "",
    costs: Annotated[
        Path | None,
        typer.Option(
            "--costs", help="CSV: what each decision (column) costs for each truth (row)."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the page and pictures.")] = Path(
        "runs/decisions"
    ),
    leaderboards: KnownBoards = None,
) -> None:
    """Calibration, thresholds, other priors, costs, refusals and subgroups of a long-tail board.

    From the stored predictions alone. --method chooses what is shown and changes no number.
    """
    from ..decisions import material, report

    folder = known_boards(leaderboards, console)
    parts = []
    for table in material.gather(folder, data, method):
        found = []
        for topic in report.topics(table, costs):
            console.print(f"\n{topic.title}", style="bold", markup=False)
            for grid in topic.grids:
                console.print(grid.terminal())
            if not topic.grids:
                for words in topic.text:
                    console.print(words, markup=False, highlight=False)
            found.append(topic)
        parts.append((table, found))
    for path in report.save(out, parts):
        console.print(f"{path}: written", markup=False, highlight=False, soft_wrap=True)
