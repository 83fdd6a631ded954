"""Predictions made elsewhere, held against a board: their metrics and the rank they would have.

They are never put on the board: nothing tells what they were trained on, how their epoch was
chosen, or whether their test split was seen before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medtail import datamodules
from medtail.datamodules.core.contract import Track
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.splitting import regimes

from ..boards.columns import VIEWS, column
from ..boards.leaderboard import read_predictions
from ..boards.section import Section, sections
from ..evidence.predictions import Predictions
from ..evidence.record import Metrics, Record, read_lines
from ..metrics import long_tail
from ..metrics.one_class import abnormal_classes
from ..statistics import intervals as statistics
from ..statistics.intervals import REPLICATES, Interval
from .scores_file import Floats, Scores

REFUSED: dict[Track, str] = {
    "few_shot": "a few-shot score is of episodes, each with images to learn from",
    "active": "an active score is of the course of labelling, not of one set of predictions",
}


@dataclass(frozen=True)
class Truth:
    """What predictions are held against.

    Attributes:
        data: name with regime.
        track: its problem setting.
        samples: ids, groups and targets of the test; their logits count for nothing.
        classes: K names of the classes that have a score.
        counts: K training counts.
        ordinal: whether the classes are ordered.
        names: of the classes that per-class metrics are about.
        section: the board's largest table; None where there is no board.
        source: where the truth comes from, in words.
    """

    data: DataName
    track: Track
    samples: Predictions
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    ordinal: bool
    names: tuple[str, ...]
    section: Section | None
    source: str


@dataclass(frozen=True)
class Rank:
    """Where predictions would stand among the complete rows of a table, by its primary metric.

    Attributes:
        place: from 1.
        of: rows, these predictions included.
        best: the place at the upper end of the interval.
        worst: at the lower end.
        above: the next better row and its mean over seeds.
        below: the next worse one.
    """

    place: int
    of: int
    best: int
    worst: int
    above: tuple[str, float] | None
    below: tuple[str, float] | None


@dataclass(frozen=True)
class Scored:
    """Numbers of predictions made elsewhere.

    Attributes:
        metrics: on the test as it is; what needs validation is None.
        balanced: long tail: the same with every class weighing the same.
        intervals: of metrics that were drawn anew.
        classes: of the view's first per-class metric, by ``Truth.names``; None where undefined.
        rank: None without a board.
    """

    metrics: Metrics
    balanced: Metrics
    intervals: dict[str, Interval]
    classes: tuple[Interval | None, ...]
    rank: Rank | None


def truth_of(root: Path, data: str) -> Truth:
    """The test of a ``data@regime``: from a board's predictions, else from the dataset's files.

    Args:
        root: folder of leaderboards.
        data: name with regime.

    Raises:
        MedtailError: a track whose scores are no set of predictions, an unknown name, or neither a
            board nor files.
    """
    name = DataName.parse(data)
    track = regimes.track(name.regime)
    if track in REFUSED:
        raise MedtailError(f"{name}: {REFUSED[track]}; only the long tail and one-class are scored")
    parts = sections(read_lines(root / "records" / f"{name}.jsonl"))
    section = parts[0] if parts and parts[0].example else None
    if section:
        stored = read_predictions(root, str(name))
        known = [r for r in section.records if r.status == "ok" and r.cell_id in stored]
        if known:
            return _of_board(name, track, section, known[0], stored[known[0].cell_id])
    return _of_files(name, track, section)


def _of_board(
    name: DataName, track: Track, section: Section, record: Record, samples: Predictions
) -> Truth:
    ordinal = record.metrics.get("quadratic_kappa") is not None
    facts = (record.class_names, record.class_counts, ordinal, section.names)
    return Truth(name, track, samples, *facts, section, "the board's predictions")


def _of_files(name: DataName, track: Track, section: Section | None) -> Truth:
    module = datamodules.build(str(name), **(section.terms.data_params if section else {}))
    module.prepare()
    rows, table, spec = module.rows("test"), module.table, module.spec
    group = table.group if table.group is not None else table.id
    target, empty = module.target[rows], np.zeros((len(rows), spec.num_classes))
    samples = Predictions.of(
        table.id[rows], group[rows], target, empty, source_class=table.target[rows]
    )
    names = spec.class_names
    if track == "one_class":
        names = tuple(module.class_names[k] for k in abnormal_classes(samples, module.class_names))
    facts = (spec.class_names, spec.class_counts, spec.ordinal, names)
    return Truth(name, track, samples, *facts, section, "the dataset's files")


def score(truth: Truth, scores: Scores) -> Scored:
    """The numbers of some scores, the test's chance in their intervals."""
    samples = truth.samples
    drawn = statistics.group_weights(samples.target, samples.group, REPLICATES, 0)
    weights = np.concatenate([np.ones((1, len(samples.id)), np.float32), drawn])
    balanced: Metrics = {}
    if truth.track == "one_class":
        odds = scores.logits[:, 1] - scores.logits[:, 0]
        drawn_metrics, classes = _one_class(truth, odds, weights)
        found: Metrics = {name: float(values[0]) for name, values in drawn_metrics.items()}
        found["prevalence"] = float((samples.target == 1).mean())
    else:
        given = Predictions.of(samples.id, samples.group, samples.target, scores.logits)
        drawn_metrics, classes = _long_tail(truth, given, weights)
        found = long_tail.score(given, None, truth.counts, truth.ordinal)
        balanced = long_tail.score(given, None, truth.counts, truth.ordinal, "balanced")
    intervals = {
        name: statistics.interval(float(values[0]), values[1:])
        for name, values in drawn_metrics.items()
        if np.isfinite(values[0])
    }
    each = tuple(
        statistics.interval(float(values[0]), values[1:]) if np.isfinite(values[0]) else None
        for values in classes.T
    )
    primary = VIEWS[truth.track].primary
    place = rank(truth.section, intervals[primary]) if truth.section else None
    return Scored(found, balanced, intervals, each, place)


def _long_tail(
    truth: Truth, given: Predictions, weights: NDArray[np.float32]
) -> tuple[Mapping[str, Floats], Floats]:
    """Metrics [1 + R] on the test as it is and on draws of it, and recalls [1 + R, K]."""
    recalls, names = statistics.recalls(given, weights), np.array(long_tail.groups(truth.counts))
    present = ~np.isnan(recalls[0])
    drawn = {
        "balanced_accuracy": np.nanmean(recalls, 1),
        "macro_auc": statistics.macro_auc(given, weights),
        "macro_f1": np.nanmean(statistics.f1_scores(given, weights), 1),
        "worst_class_recall": recalls[:, present].min(1),
    }
    for group in ("head", "medium", "tail"):
        if (mine := present & (names == group)).any():
            drawn[f"{group}_recall"] = np.nanmean(recalls[:, mine], 1)
    return drawn, recalls


def _one_class(
    truth: Truth, odds: Floats, weights: NDArray[np.float32]
) -> tuple[Mapping[str, Floats], Floats]:
    """The same for log-odds [N] of abnormal, and AUROCs [1 + R, C] of the abnormal classes."""
    samples = truth.samples
    abnormal, source = samples.target == 1, samples.source_class
    assert source is not None  # a one-class test has them
    given = set(source[~abnormal].tolist())
    others = [k for k in range(len(given) + len(truth.names)) if k not in given]
    by_sample = np.ascontiguousarray(weights.T)
    each = []
    for k in others:
        mine = ~abnormal | (source == k)
        each.append(statistics.auc(odds[mine], abnormal[mine], by_sample[mine]))
    drawn = {
        "auroc": statistics.auc(odds, abnormal, by_sample),
        "auprc": statistics.average_precision(odds, abnormal, by_sample),
    }
    return drawn, np.stack(each, 1)


def rank(section: Section, value: Interval) -> Rank:
    """Where a value of its primary metric would stand in a table."""
    primary = column(section.view.primary)
    stats = [(row.name, row.stat(primary)) for row in section.rows if row.complete]
    means = [(name, stat.mean) for name, stat in stats if stat]

    def place(number: float) -> int:
        return 1 + sum(mean > number for _, mean in means)

    above = [row for row in means if row[1] > value.mean]
    below = [row for row in means if row[1] <= value.mean]
    return Rank(
        place(value.mean),
        len(means) + 1,
        place(value.high),
        place(value.low),
        min(above, key=lambda row: row[1], default=None),
        max(below, key=lambda row: row[1], default=None),
    )
