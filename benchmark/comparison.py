"""One method against others on the same test: paired differences with intervals, from a board."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table

from datamodules.core import regimes
from datamodules.core.contract import Track
from datamodules.core.errors import MedtailError, unknown
from datamodules.core.names import DataName

from . import statistics
from .leaderboard import read_predictions
from .leaderboard_rows import Row, sections
from .metrics import groups
from .metrics_few_shot import episode_aucs
from .metrics_one_class import log_odds
from .predictions import Predictions
from .record import read_lines
from .statistics import Interval, Metric

AREAS = ("rare_accuracy_area", "accuracy_area", "balanced_accuracy_area")


@dataclass(frozen=True)
class Compared:
    """A metric of two methods.

    Attributes:
        metric: its name.
        new: mean of the one.
        base: mean of the other.
        difference: new minus base, on the same samples and seeds.
    """

    metric: str
    new: float
    base: float
    difference: Interval

    @property
    def verdict(self) -> str:
        """In words: what the interval of the difference allows to say."""
        if not self.difference.excludes_zero:
            return "cannot tell"
        return "higher" if self.difference.mean > 0 else "lower"


def rows_of(root: Path, data: str) -> dict[str, Row]:
    """The finished rows of a board's largest table by name.

    Raises:
        MedtailError: there is no such board.
    """
    path = root / "records" / f"{data}.jsonl"
    if not path.exists():
        known = [p.stem for p in sorted((root / "records").glob("*.jsonl"))]
        raise unknown("board", data, known)
    return {row.name: row for row in sections(read_lines(path))[0].rows if row.done}


def compare(root: Path, data: str, new: str, base: str) -> list[Compared]:
    """Differences of two rows of a board, metric by metric.

    Args:
        root: folder of leaderboards.
        data: name with regime.
        new: a row's name.
        base: another's.

    Raises:
        MedtailError: no such board or row, no seed that both have.
    """
    rows, regime = rows_of(root, data), DataName.parse(data).regime
    for name in (new, base):
        if name not in rows:
            raise unknown(f"method on {data}", name, rows)
    track = regimes.track(regime)
    if track == "active":
        return _areas(rows[new], rows[base])
    stored = read_predictions(root, data)
    sides = [
        {r.cell.seed: stored[r.cell_id] for r in rows[name].done if r.cell_id in stored}
        for name in (new, base)
    ]
    if track == "few_shot":
        return [_episodes(*sides)]
    one, other = sides
    return [
        Compared(
            name,
            _mean(one, metric),
            _mean(other, metric),
            statistics.difference(one, other, metric),
        )
        for name, metric in _metrics(track, rows[new].done[0].class_counts).items()
    ]


def _metrics(track: Track, counts: Sequence[int]) -> dict[str, Metric]:
    if track == "one_class":
        return {
            "auroc": lambda p, w: statistics.aucs(p, w)[:, 1],
            "auprc": lambda p, w: statistics.average_precision(log_odds(p), p.target == 1, w.T),
        }
    tail = np.array([name == "tail" for name in groups(counts)])
    metrics: dict[str, Metric] = {
        "balanced_accuracy": statistics.balanced_accuracy,
        "macro_auc": statistics.macro_auc,
    }
    if tail.any():
        metrics["tail_recall"] = lambda p, w: np.nanmean(statistics.recalls(p, w)[:, tail], axis=1)
    return metrics


def _mean(side: dict[int, Predictions], metric: Metric) -> float:
    values = [metric(p, np.ones((1, len(p.id)), np.float32))[0] for p in side.values()]
    return float(np.mean(values)) if values else float("nan")


def _episodes(new: dict[int, Predictions], base: dict[int, Predictions]) -> Compared:
    seeds = sorted(new.keys() & base.keys())
    if not seeds:
        raise MedtailError("comparison: there is no seed that both methods have")
    one, other = (np.array([episode_aucs(side[s]) for s in seeds]) for side in (new, base))
    if one.shape != other.shape:
        raise MedtailError("comparison: the predictions are of different episodes")
    difference = statistics.over_units(one - other)
    return Compared("episode_auc", float(one.mean()), float(other.mean()), difference)


def _areas(new: Row, base: Row) -> list[Compared]:
    by_seed = [{r.cell.seed: r.metrics for r in row.done} for row in (new, base)]
    seeds = sorted(by_seed[0].keys() & by_seed[1].keys())
    if not seeds:
        raise MedtailError("comparison: there is no seed that both methods have")
    compared = []
    for name in AREAS:
        one, other = (
            np.array([side[s][name] for s in seeds], dtype=np.float64) for side in by_seed
        )
        difference = statistics.over_seeds(one - other)
        compared.append(Compared(name, float(one.mean()), float(other.mean()), difference))
    return compared


def table(data: str, new: str, base: str, lines: Sequence[Compared]) -> Table:
    """The comparison of two rows for the terminal, in %."""
    title = escape(f"{new} against {base} on {data}")
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
    for head in ("%", "this", "that", "differ by", "95 % interval", "this is"):
        shown.add_column(head, no_wrap=True)
    for line in lines:
        d = line.difference
        shown.add_row(
            line.metric.replace("_", " "),
            f"{100 * line.new:.1f}",
            f"{100 * line.base:.1f}",
            f"{100 * d.mean:+.1f}",
            f"{100 * d.low:+.1f} to {100 * d.high:+.1f}",
            line.verdict,
        )
    return shown
