"""The commands that hold results against earlier ones: ``medtail regress``, ``medtail golden``."""

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.markup import inert
from medtail.datamodules.core.writing import part_of

from . import terminal

if TYPE_CHECKING:
    from ..regression.verdicts import Board, Finding

console = terminal.console()
EXIT_WORSE = 1
REVIEW = "review.md"
HEADS = ("data", "row", "metric", "base", "new", "difference", "95 % interval", "p", "verdict")
METRIC, NUMBERS = HEADS.index("metric"), HEADS[3:8]

Base = Annotated[Path, typer.Argument(help="Folder of leaderboards that is the reference.")]
New = Annotated[Path, typer.Argument(help="Folder of leaderboards that is held against it.")]
Method = Annotated[str, typer.Option("--method", help="Only these: names or globs.")]
Data = Annotated[str, typer.Option("--data", help="Only these data: names or globs.")]
Seed = Annotated[str, typer.Option("--seed", help="Only these seeds, comma-separated.")]


def regress(
    base: Base,
    new: New,
    method: Method = "",
    data: Data = "",
    seed: Seed = "",
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Fail, too, where a number moved on the same platform."),
    ] = False,
) -> None:
    """Say what moved between two sets of results; exit status 1 only for a real drop.

    A real drop is more than an unchanged method would lose by another training, or a row that
    failed, is missing or cannot be compared any more. The same platform gives equal predictions.
    """
    from ..regression import verdicts

    before = _selected(_read(base), method, data, seed)
    after = _selected(_read(new), method, data, seed, known=before)
    found = verdicts.compare(before, after)
    _show(found)
    worse = [f for f in found if f.fails(exact)]
    if worse:
        console.print(f"{len(worse)} of {len(found)} rows are worse, or not as they were.")
        raise typer.Exit(EXIT_WORSE)


def golden(
    reference: Annotated[Path, typer.Argument(help="The golden results, replaced by this.")],
    new: New,
    reason: Annotated[str, typer.Option("--reason", help="Why the numbers may change.")],
    method: Method = "",
    data: Data = "",
) -> None:
    """Replace golden results by new ones, and write what changed into review.md beside them.

    With --method or --data only these rows are replaced.
    """
    from ..evidence.record import write
    from ..regression import verdicts

    if Path.cwd().is_relative_to(reference.resolve()):
        raise MedtailError(
            f"{reference}: is replaced as a whole, and you are in it: name it from another folder"
        )
    after = _selected(_read(new), method, data, "")
    failed = [r for r in after.records if r.status == "failed"]
    if failed:
        raise MedtailError(f"{new}: {failed[0].cell} failed; a golden has results only")
    whole = _read(reference) if (reference / "records").is_dir() else verdicts.Board([], {})
    chosen = _selected(whole, method, data, "", known=after)
    found = verdicts.compare(chosen, after)
    replaced = {r.cell_id for r in chosen.records}
    records = [r for r in whole.records if r.cell_id not in replaced] + list(after.records)
    _replace(reference, verdicts.Board(records, {**whole.predictions, **after.predictions}))
    write(reference / REVIEW, review(found, reason))
    _show(found)
    console.print(f"review: {reference / REVIEW}", highlight=False)


def _read(folder: Path) -> "Board":
    from ..boards.leaderboard import read_predictions
    from ..evidence.record import read_lines
    from ..regression.verdicts import Board

    files = sorted((folder / "records").glob("*.jsonl"))
    if not files:
        raise MedtailError(
            f"{folder}: no records/*.jsonl, hence no folder of leaderboards; "
            "medtail bench --leaderboards writes one"
        )
    records = [record for file in files for record in read_lines(file)]
    stored = [read_predictions(folder, file.stem) for file in files]
    return Board(records, {cell: p for part in stored for cell, p in part.items()})


def _selected(
    board: "Board", method: str, data: str, seed: str, known: "Board | None" = None
) -> "Board":
    """The part of a board that the filters name; what ``known`` has need not be here, too."""
    from ..grid.filters import select
    from ..regression.verdicts import Board

    own = [r.cell for r in board.records]
    others = [r.cell for r in known.records] if known else []
    kept = {cell.id for cell in select(own + others, method, data, seed)}
    predictions = {cell: p for cell, p in board.predictions.items() if cell in kept}
    return Board([r for r in board.records if r.cell_id in kept], predictions)


def _replace(folder: Path, board: "Board") -> None:
    """Write the records and predictions of a folder anew, whole or not at all."""
    import shutil

    from ..boards.leaderboard import publish

    part = part_of(folder)
    shutil.rmtree(part, ignore_errors=True)
    publish(part, [(r, board.predictions.get(r.cell_id)) for r in board.records])
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("records", "predictions"):
        shutil.rmtree(folder / name, ignore_errors=True)
        if (part / name).is_dir():
            (part / name).rename(folder / name)
    shutil.rmtree(part)


def _show(found: "Sequence[Finding]") -> None:
    """Print what moved, then how many rows did not."""
    moved = sorted((f for f in found if f.verdict != "equal"), key=lambda f: f.data)
    for data, group in groupby(moved, key=lambda f: f.data):
        part = list(group)
        rows = [_line(finding) for finding in part]
        metrics = {row[METRIC] for row in rows}
        one = f", {metrics.pop()}" if len(metrics) == 1 else ""
        shown = [k for k in range(1, len(HEADS)) if k != METRIC or not one]
        table = Table(title=f"{data}{one}, in %", title_justify="left", box=box.SIMPLE_HEAD)
        for k in shown:
            table.add_column(HEADS[k], overflow="fold", no_wrap=HEADS[k] in NUMBERS)
        for row, finding in zip(rows, part, strict=True):
            table.add_row(*(row[k] for k in shown), style="red" if finding.fails() else "")
        console.print(table)
    for platform in sorted({f.platform for f in moved if f.platform}):
        console.print(f"another platform: {platform}", markup=False, highlight=False)
    equal = f"{len(found) - len(moved)} of {len(found)} rows are equal"
    console.print(f"{equal}, to the last digit of every prediction.", highlight=False)


def _line(finding: "Finding") -> list[str]:
    difference = finding.difference
    note = f": {finding.note}" if finding.note else ""
    return [
        finding.data,
        finding.row,
        finding.metric.replace("_", " "),
        _percent(finding.base),
        _percent(finding.new),
        _percent(finding.new - finding.base, "+"),
        f"{_percent(difference.low, '+')} to {_percent(difference.high, '+')}"
        if difference
        else "",
        "" if finding.p is None else f"{finding.p:.2g}",
        f"{finding.verdict}{note}",
    ]


def _percent(share: float, sign: str = "") -> str:
    return "" if math.isnan(share) else f"{100 * share:{sign}.2f}"


def review(found: "Sequence[Finding]", reason: str) -> str:
    """What a golden's update changed, as Markdown."""
    lines = [
        "# The last update of these results",
        "",
        f"Reason: {inert(reason)}",
        "",
        "In %. The interval is that of the difference, were every seed trained anew on both sides.",
        "",
        f"| {' | '.join(HEADS)} |",
        "|" + " --- |" * len(HEADS),
    ]
    moved = [f for f in found if f.verdict != "equal"]
    lines += [f"| {' | '.join(map(inert, _line(f)))} |" for f in moved]
    for platform in sorted({f.platform for f in moved if f.platform}):
        lines += ["", f"Another platform: {platform}."]
    return "\n".join(lines) + "\n"
