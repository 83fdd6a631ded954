"""What ``medtail score`` says of predictions: tables for the terminal, lines, a JSON document."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from ..boards.columns import VIEWS, column
from ..boards.formatting import SAID, shown
from ..boards.outside import said
from ..boards.row import stat
from ..statistics.intervals import Interval
from .scores_file import Scores
from .submission import Scored, Truth

ALSO = ("macro_ap", "accuracy", "mcc", "ece")  # shown beside what a page shows


def tables(truth: Truth, scored: Scored) -> tuple[Table, Table]:
    """Metrics, then classes: means over trainings, intervals, and every training's own value."""
    several = len(scored.row.done) > 1
    metrics = _table("", several)
    for key in dict.fromkeys((*VIEWS[truth.track].page, *ALSO)):
        known = column(key)
        value = scored.row.stat(known)
        if value and known.source == "metrics":
            own = ", ".join(f"{100 * v:.1f}" for v in scored.row.values(known))
            ends = _ends(scored.intervals.get(key))
            metrics.add_row(known.title, shown(value), ends, *[own] * several)
    name, title = next(iter(VIEWS[truth.track].classes.items()))
    classes = _table(f"{title} of", several)
    for k, (label, found) in enumerate(zip(truth.section.names, scored.classes, strict=True)):
        lists = [r.metrics.get(name) for r in scored.row.done]
        each = [v[k] if isinstance(v, list) else None for v in lists]
        own = ", ".join("n/a" if v is None else f"{100 * v:.1f}" for v in each)
        classes.add_row(label, shown(stat(each)), _ends(found), *[own] * several)
    return metrics, classes


def _table(first: str, several: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column(first, min_width=20)
    table.add_column("% ± sd" if several else "%", justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    if several:
        table.add_column("each training")
    return table


def _ends(value: Interval | None) -> str:
    return f"{100 * value.low:.1f} to {100 * value.high:.1f}" if value else ""


def rank(truth: Truth, scored: Scored) -> str:
    """Where the predictions would stand, in words."""
    found, section = scored.rank, truth.section
    if found is None:
        return f"no rank: there is no board of {truth.data} yet (medtail bench writes one)"
    primary = column(section.view.primary)
    parts = [said(found, primary.words)]
    for word, row in (("below", found.above), ("above", found.below)):
        if row:
            parts.append(f"{word} {row[0]}, {100 * row[1]:.1f}")
    seeds = len(section.seeds)
    return "; ".join(parts) + f" (means of {seeds} seed{'s' * (seeds > 1)})"


def notes(truth: Truth, scores: Scores, added: bool) -> list[str]:
    """What was assumed, and what the numbers do not know."""
    source = f"{len(truth.samples.id):,} test samples, targets and groups from {truth.source}"
    several = len(scores.seeds)
    if several > 1:
        known = (
            f"{several} trainings (their seeds {', '.join(scores.seeds)}; paired with the board's "
            f"0 to {several - 1}): intervals are of trainings and test, as those of a board's row"
        )
    else:
        known = "one set of predictions: its intervals know the test's chance, not the training's"
    kept = "not on the board, nothing was written there: what was made elsewhere has no provenance "
    kept += "(training data, choice of the epoch, whether the test was seen before)"
    return [source, *scores.notes, known, SAID if added else kept]


def values(
    files: Sequence[Path], truth: Truth, scores: Scores, scored: Scored, told: list[str]
) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "files": [file.name for file in files],
        "data": str(truth.data),
        "samples": len(truth.samples.id),
        "form": scores.form,
        "seeds": scores.seeds,
        "metrics": scored.metrics,
        "balanced": scored.balanced,
        "trainings": [record.metrics for record in scored.row.done],
        "intervals": {name: [v.low, v.high] for name, v in scored.intervals.items()},
        "classes": {
            name: [v.mean, v.low, v.high] if v else None
            for name, v in zip(truth.section.names, scored.classes, strict=True)
        },
        "rank": vars(scored.rank) if scored.rank else None,
        "notes": told,
    }
