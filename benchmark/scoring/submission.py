"""Predictions made elsewhere, held against a board: their metrics, intervals and rank.

Their numbers are those that a row of the board would have: the same functions, samples and draws.
Nothing tells what they were trained on, how their epoch was chosen, or whether their test split was
seen before, so that they never become a row among the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from medtail import datamodules
from medtail.datamodules.core.contract import Track
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.listing import splits_of
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.splitting import regimes

from ..boards.columns import column
from ..boards.leaderboard import read_predictions
from ..boards.outside import Place, place, row_of
from ..boards.precision import Precision
from ..boards.replicates import replicates
from ..boards.row import Row
from ..boards.section import Section, sections
from ..evidence import outside
from ..evidence.outside import Given, Submitted
from ..evidence.predictions import Predictions
from ..evidence.record import Metrics, Record, read_lines
from ..grid.cell import Cell, Terms
from ..metrics.one_class import abnormal_classes, support
from ..statistics.intervals import Interval
from .scores_file import Scores, Wanted

UNNAMED = "these predictions"
REFUSED: dict[Track, str] = {
    "few_shot": "a few-shot score is of episodes, each with images to learn from",
    "active": "an active score is of the course of labelling, not of one set of predictions",
}


@dataclass(frozen=True)
class Truth:
    """What predictions are held against.

    Attributes:
        data: name with regime.
        samples: ids, groups and targets of the test; their logits count for nothing.
        section: the board's largest table; one without rows where there is no board.
        source: where the truth comes from, in words.
        taken: names of the board's rows.
    """

    data: DataName
    samples: Predictions
    section: Section
    source: str
    taken: frozenset[str] = frozenset()

    @property
    def track(self) -> Track:
        """Its problem setting."""
        return self.section.track

    @property
    def example(self) -> Record:
        """What names classes and counts."""
        assert self.section.example is not None  # ``truth_of`` takes no other table
        return self.section.example

    @property
    def wanted(self) -> Wanted:
        """What a file must fit."""
        ids, classes = self.samples.id.tolist(), self.example.class_names
        ranked = self.track == "one_class"
        return Wanted(self.data.dataset, ids, classes, ranked, partial(_splits, self))


@dataclass(frozen=True)
class Scored:
    """Numbers of predictions made elsewhere.

    Attributes:
        row: of them, with the metrics of each training.
        metrics: means over trainings, on the test as it is; what needs validation is None.
        balanced: long tail: the same with every class weighing the same.
        intervals: of metrics that were drawn anew.
        classes: of the view's first per-class metric, by ``Section.names``; None where undefined.
        rank: None without a board.
    """

    row: Row
    metrics: Metrics
    balanced: Metrics
    intervals: dict[str, Interval]
    classes: tuple[Interval | None, ...]
    rank: Place | None


def truth_of(root: Path, data: str) -> Truth:
    """The test of a ``data@regime``: from a board's predictions, else from the dataset's files.

    Args:
        root: folder of leaderboards.
        data: name with regime.

    Raises:
        MedtailError: a track whose scores are no set of predictions, a board of which every seed
            has a test split of its own, an unknown name, or neither a board nor files.
    """
    name = DataName.parse(data)
    track = regimes.track(name.regime)
    if track in REFUSED:
        raise MedtailError(f"{name}: {REFUSED[track]}; only the long tail and one-class are scored")
    parts = sections(read_lines(root / "records" / f"{name}.jsonl"))
    once = [part for part in parts if not part.resplit]
    if parts and not once:
        raise MedtailError(
            f"{name}: a board of {parts[0].terms.draws} draws: every seed is tested on a split of "
            "its own, so that no one set of test predictions can be held against it"
        )
    section = once[0] if once and once[0].example else None
    if section:
        stored = read_predictions(root, str(name))
        known = next((r for r in section.records if r.cell_id in stored), None)
        if known:
            taken = frozenset(row.name for part in parts for row in part.rows)
            source = "the board's predictions"
            return Truth(name, stored[known.cell_id], section, source, taken)
    return _of_files(name, track, section)


def _of_files(name: DataName, track: Track, section: Section | None) -> Truth:
    module = datamodules.build(str(name), **(section.terms.data_params if section else {}))
    module.arrange()
    rows, table, spec = module.rows("test"), module.table, module.spec
    group = table.group if table.group is not None else table.id
    target, empty = module.target[rows], np.zeros((len(rows), spec.num_classes))
    source = table.target[rows] if track == "one_class" else None
    samples = Predictions.of(table.id[rows], group[rows], target, empty, source_class=source)
    if section is None:
        names = module.class_names
        told = {"support": tuple(np.bincount(target, minlength=spec.num_classes).tolist())}
        if track == "one_class":
            scored = tuple(names[k] for k in abnormal_classes(samples, names))
            told = {"scored_names": scored, "support": support(samples, names)}
        # A record that names what a board would; the kappa is None where classes have no order.
        metrics: Metrics = {"quadratic_kappa": 0.0} if spec.ordinal else {}
        cell = Cell(method="", terms=Terms(data=str(name)))
        facts = {"class_names": spec.class_names, "class_counts": spec.class_counts, **told}
        example = Record(cell_id=cell.id, cell=cell, status="ok", metrics=metrics, **facts)
        section = Section(cell.terms, (), example)
    return Truth(name, samples, section, "the dataset's files")


def _splits(truth: Truth) -> dict[str, str]:
    """The split of every image, where the dataset's files are there to tell."""
    try:
        return splits_of(datamodules.build(str(truth.data), **truth.section.terms.data_params))
    except MedtailError:
        return {}


def entry_of(truth: Truth, scores: Scores, name: str, url: str = "", note: str = "") -> Submitted:
    """What is known of some scores.

    Raises:
        MedtailError: no name, a row's, or one, an address or a note that cannot be shown.
    """
    name, url, note = outside.checked(name, url, note)
    if name in truth.taken:
        raise MedtailError(f"--name {name}: a row of {truth.data} is called so: write another name")
    return Submitted(
        name=name,
        url=url,
        note=note,
        added=f"{datetime.now(UTC):%Y-%m-%d}",
        form=scores.form,
        seeds=scores.seeds,
        classes=truth.example.class_names,
        truth=truth.samples.truth,
        predictions=given_of(truth, scores).digest,
    )


def given_of(truth: Truth, scores: Scores) -> Given:
    """The numbers of some scores, as they are kept."""
    return Given(truth.samples.id, scores.logits)


def score(truth: Truth, scores: Scores, entry: Submitted | None = None) -> Scored:
    """The numbers of some scores, with intervals as a row of the board has them.

    Args:
        truth: that they are held against.
        scores: as they were read.
        entry: what is known of them, where it is to be shown.
    """
    entry = entry or entry_of(truth, scores, UNNAMED)
    row, stored = row_of(truth.section, entry, given_of(truth, scores), truth.samples)
    view, beside = truth.section.view, replace(truth.section, outside=(row,))
    drawn = replicates(replace(truth.section, rows=(row,)), stored)
    known, values = Precision(beside, drawn), drawn[row.name].values
    found_all = {n: known.single(row.name, n) for n, v in values.items() if v.ndim == 2}
    intervals = {name: found for name, found in found_all.items() if found}
    metric = next(iter(view.classes))
    classes = tuple(known.single(row.name, metric, k) for k in range(values[metric].shape[2]))
    found, mine = intervals[view.primary], row.stat(column(view.primary))
    rank = place(truth.section, mine.mean, found.low, found.high) if mine else None
    rank = rank if truth.section.rows else None
    metrics, balanced = (_mean([vars(r)[k] for r in row.done]) for k in ("metrics", "balanced"))
    return Scored(row, metrics, balanced, intervals, classes, rank)


def _mean(seeds: Sequence[Metrics]) -> Metrics:
    """Of every metric, and of every entry of a list; None where a training has none."""
    return {name: _mean_of([seed[name] for seed in seeds]) for name in seeds[0]}


def _mean_of(values: Sequence[object]) -> float | int | list[float | None] | None:
    if isinstance(values[0], list):
        entries = zip(*(v for v in values if isinstance(v, list)), strict=True)
        return [_mean_of(entry) for entry in entries]  # type: ignore[misc]  # lists hold no lists
    known = [v for v in values if isinstance(v, int | float)]
    if len(known) < len(values):
        return None
    if isinstance(known[0], int) and len(set(known)) == 1:
        return known[0]
    return float(np.mean(known))
