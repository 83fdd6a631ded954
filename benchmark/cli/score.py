"""The command that ranks predictions made elsewhere: ``medtail score``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from medtail.datamodules.core.errors import MedtailError

from .options import KnownBoards, known_boards

if TYPE_CHECKING:
    from ..scoring.scores_file import Scores
    from ..scoring.submission import Scored, Truth
    from ..statistics.intervals import Interval

console = Console()
ALSO = ("macro_ap", "accuracy", "mcc", "ece")  # shown beside what a page shows
CAVEATS = (
    "one set of predictions: its intervals (bootstrap) know the test's chance, not the training's",
    "not on the board, nothing was written there: what was made elsewhere has no provenance "
    "(training data, choice of the epoch, whether the test was seen before)",
)


def score(
    file: Annotated[
        Path,
        typer.Argument(help="CSV or Parquet: ids and a column per class; or MedMNIST's CSV."),
    ],
    data: Annotated[str, typer.Option("--data", help="The board, such as isic2018@natural.")],
    form: Annotated[
        str, typer.Option(help="probabilities or logits; empty to tell by the numbers.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="A new JSON file that keeps what is printed.")
    ] = None,
    leaderboards: KnownBoards = None,
) -> None:
    """Score predictions made elsewhere: metrics, intervals, and the rank they would have."""
    from ..evidence import record
    from ..scoring import scores_file, submission

    known = scores_file.form_of(form)
    leaderboards = known_boards(leaderboards, console)
    if out and out.exists():
        raise MedtailError(f"--out {out} exists already: name a new file")
    if out and out.resolve().is_relative_to(leaderboards.resolve()):
        raise MedtailError(f"--out {out}: the leaderboards keep only what medtail ran itself")
    truth = submission.truth_of(leaderboards, data)
    scores = scores_file.read(
        file, truth.data.dataset, truth.samples.id.tolist(), truth.classes, known
    )
    scored = submission.score(truth, scores)
    notes = _notes(truth, scores)
    console.print(f"{file.name} on {truth.data}", markup=False, highlight=False)
    console.print(_metrics(truth, scored), _classes(truth, scored))
    for line in (_rank(truth, scored), *notes):
        console.print(f"- {line}", markup=False, highlight=False)
    if out:
        record.write(out, json.dumps(_values(file, truth, scores, scored, notes), indent=1) + "\n")
        console.print(f"{out}: written", markup=False, highlight=False)


def _notes(truth: "Truth", scores: "Scores") -> list[str]:
    source = f"{len(truth.samples.id):,} test samples, targets and groups from {truth.source}"
    return [source, *scores.notes, *CAVEATS]


def _metrics(truth: "Truth", scored: "Scored") -> Table:
    from ..boards.columns import VIEWS, column

    table = _table("")
    for key in dict.fromkeys((*VIEWS[truth.track].page, *ALSO)):
        shown = column(key)
        value = scored.metrics.get(shown.name)
        if isinstance(value, float) and shown.source == "metrics":
            table.add_row(shown.title, f"{100 * value:.1f}", _ends(scored.intervals.get(key)))
    return table


def _classes(truth: "Truth", scored: "Scored") -> Table:
    from ..boards.columns import VIEWS

    table = _table(next(iter(VIEWS[truth.track].classes.values())) + " of")
    for name, value in zip(truth.names, scored.classes, strict=True):
        table.add_row(escape(name), f"{100 * value.mean:.1f}" if value else "n/a", _ends(value))
    return table


def _table(first: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column(first, min_width=20)
    table.add_column("%", justify="right")
    table.add_column("95 % interval", justify="right", no_wrap=True)
    return table


def _ends(value: "Interval | None") -> str:
    return f"{100 * value.low:.1f} to {100 * value.high:.1f}" if value else ""


def _rank(truth: "Truth", scored: "Scored") -> str:
    from ..boards.columns import VIEWS, column

    rank = scored.rank
    if rank is None or truth.section is None:
        return f"no rank: there is no board of {truth.data} yet (medtail bench writes one)"
    primary = column(VIEWS[truth.track].primary)
    parts = [f"would be {rank.place} of {rank.of} by {primary.words}"]
    if rank.best < rank.worst:
        parts[0] += f" ({rank.best} to {rank.worst} at the ends of its interval)"
    for word, row in (("below", rank.above), ("above", rank.below)):
        if row:
            parts.append(f"{word} {row[0]}, {100 * row[1]:.1f}")
    seeds = len(truth.section.seeds)
    return "; ".join(parts) + f" (means of {seeds} seed{'s' * (seeds > 1)})"


def _values(
    file: Path, truth: "Truth", scores: "Scores", scored: "Scored", notes: list[str]
) -> dict[str, Any]:
    return {
        "file": file.name,
        "data": str(truth.data),
        "samples": len(truth.samples.id),
        "form": scores.form,
        "metrics": scored.metrics,
        "balanced": scored.balanced,
        "intervals": {name: [v.low, v.high] for name, v in scored.intervals.items()},
        "classes": {
            name: [v.mean, v.low, v.high] if v else None
            for name, v in zip(truth.names, scored.classes, strict=True)
        },
        "rank": vars(scored.rank) if scored.rank else None,
        "notes": notes,
    }
