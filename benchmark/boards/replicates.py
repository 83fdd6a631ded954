"""The bootstrap replicates of a table's metrics, by track: all rows on the same draws, paired."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from medtail.datamodules.core.contract import Track

from ..evidence.predictions import Predictions
from ..metrics import operating_point
from ..metrics.few_shot import episode_aucs
from ..metrics.one_class import log_odds
from ..statistics import intervals
from ..statistics.intervals import REPLICATES, Floats
from .row import Row
from .section import Section

# A metric's values [S, 1 + R] of S seeds, or [S, 1 + R, K] of K classes: first on the test split as
# it is, then on R draws of it.
Replicates = dict[str, Floats]
Stored = Mapping[str, Predictions]
Weights = dict[bytes, NDArray[np.float32]]  # of a split, by its targets, ids and groups
FITS = 500  # of the replicates, at operating points fitted anew


@dataclass(frozen=True)
class Drawn:
    """What a row's numbers vary by.

    Attributes:
        values: metric -> its replicates.
        units: of each scored class, what is drawn: groups, few-shot episodes.
    """

    values: Replicates
    units: tuple[int, ...]

    def units_of(self, k: int | None) -> tuple[int, ...]:
        """Of a class, or of all that have some."""
        return tuple(n for n in self.units if n) if k is None else self.units[k : k + 1]


NONE: Stored = MappingProxyType({})


def replicates(section: Section, stored: Stored, held: Stored = NONE) -> dict[str, Drawn]:
    """Of every row that finished a seed: metric -> values. Rows without predictions are left out.

    Args:
        section: of a board.
        stored: predictions of the test by cell id.
        held: those of validation, where a row has them.
    """
    if section.resplit:
        return _recorded(section, section.class_metrics)
    if section.track == "long_tail":
        return _long_tail(section, stored, held)
    return OF_TRACK[section.track](section, stored)


def _long_tail(section: Section, stored: Stored, held: Stored) -> dict[str, Drawn]:
    weights: Weights = {}
    return {
        row.name: Drawn(
            _over_seeds([_classes(p, _drawn(p, weights), section) for p in seeds])
            | _at_fitted_points([held.get(r.cell_id) for r in row.done], seeds, weights),
            _groups(seeds[0], seeds[0].target, range(len(section.names))),
        )
        for row, seeds in _with_predictions(section, stored)
    }


def _at_fitted_points(
    held: list[Predictions | None], seeds: list[Predictions], weights: Weights
) -> Replicates:
    """Of fewer draws: a point is fitted in each, of which an error needs no more."""
    if not all(held):
        return {}
    drawn = [
        _refitted(test, _drawn(test, weights)[: 1 + FITS], val, _drawn(val, weights, FITS, 1)[1:])
        for test, val in zip(seeds, held, strict=True)
        if val
    ]
    recall = np.stack(drawn)
    return {"fitted_recall": recall, "fitted_balanced_accuracy": np.nanmean(recall, 2)}


def _refitted(
    test: Predictions,
    weights: NDArray[np.float32],
    validation: Predictions,
    draws: NDArray[np.float32],
) -> Floats:
    """[1 + R, K] recall of each class at the point of validation: as it is, then both drawn."""
    point = operating_point.fitted(validation)
    points = operating_point.refitted(validation, point, draws)
    return operating_point.recalls(test, np.concatenate([point[None], points]), weights)


def _groups(
    given: Predictions, classes: NDArray[np.int64], wanted: Iterable[int]
) -> tuple[int, ...]:
    """How many groups the images of some classes are of."""
    return tuple(len(np.unique(given.group[classes == k])) for k in wanted)


def _classes(given: Predictions, weights: NDArray[np.float32], section: Section) -> Replicates:
    (recalls, f1), aucs = intervals.recalls_and_f1(given, weights), intervals.aucs(given, weights)
    names = np.array(section.class_groups)
    parts = {f"{g}_recall": recalls[:, names == g] for g in ("head", "medium", "tail")}
    known = ~np.isnan(recalls).all(0)
    return {
        "balanced_accuracy": np.nanmean(recalls, 1),
        "macro_auc": np.nanmean(aucs, 1),
        "macro_f1": np.nanmean(f1, 1),
        **{g: np.nanmean(v, 1) for g, v in parts.items() if not np.isnan(v).all()},
        "worst_class_recall": recalls[:, known].min(1),
        "recall": recalls,
        "auc": aucs,
    }


def _one_class(section: Section, stored: Stored) -> dict[str, Drawn]:
    weights: Weights = {}
    found = {}
    for row, seeds in _with_predictions(section, stored):
        given = set(_sources(seeds[0])[seeds[0].target == 0].tolist())
        others = [k for k in range(len(given) + len(section.names)) if k not in given]
        values = _over_seeds([_abnormal(p, _drawn(p, weights), others) for p in seeds])
        found[row.name] = Drawn(values, _groups(seeds[0], _sources(seeds[0]), others))
    return found


def _abnormal(given: Predictions, weights: NDArray[np.float32], others: list[int]) -> Replicates:
    score, abnormal = log_odds(given), given.target == 1
    by_sample = np.ascontiguousarray(weights.T)
    each = []
    for k in others:
        mine = ~abnormal | (_sources(given) == k)
        each.append(intervals.auc(score[mine], abnormal[mine], by_sample[mine]))
    return {
        "auroc": intervals.auc(score, abnormal, by_sample),
        "auprc": intervals.average_precision(score, abnormal, by_sample),
        "class_auroc": np.stack(each, 1),
    }


def _few_shot(section: Section, stored: Stored) -> dict[str, Drawn]:
    found = {}
    for row, seeds in _with_predictions(section, stored):
        values = np.array([episode_aucs(p) for p in seeds])
        episodes = values.shape[1]
        draws = np.random.default_rng(0).multinomial(
            episodes, np.full(episodes, 1 / episodes), REPLICATES
        )
        weights = np.concatenate([np.ones((1, episodes), int), draws])
        part = _takes_part(seeds[0], len(section.names))
        classes = np.einsum("se,re,ec->src", values, weights, part, optimize=True)
        drawn = {
            "episode_auc": values @ weights.T / episodes,
            "class_auc": classes / (weights @ part),
        }
        found[row.name] = Drawn(drawn, tuple(part.sum(0).astype(int).tolist()))
    return found


def _takes_part(given: Predictions, classes: int) -> NDArray[np.float64]:
    """[E, C] 1 where an episode has queries of a class."""
    assert given.episode is not None  # or it had no score
    _, place = np.unique(given.episode, return_inverse=True)
    part = np.zeros((place.max() + 1, classes))
    part[place, _sources(given)] = 1
    return part


def _sources(given: Predictions) -> NDArray[np.int64]:
    """[N] classes in the dataset."""
    assert given.source_class is not None  # or it had no score
    return given.source_class


def _active(section: Section, stored: Stored) -> dict[str, Drawn]:
    """Of the last round alone predictions are kept, so that seeds alone vary."""
    return _recorded(section, ["recall"])


def _recorded(section: Section, classes: Sequence[str]) -> dict[str, Drawn]:
    """Values of the records, where seeds alone vary: of each row, and of each class."""
    found = {}
    view = section.view
    for row in section.rows:
        wanted = section.columns((*view.page, *view.ranking))
        names = [c.name for c in wanted if c.source == "metrics" and row.stat(c)]
        values = {n: np.array([float(str(r.metrics[n])) for r in row.done]) for n in names}
        for name in classes:
            each = [r.metrics.get(name) for r in row.done]
            if values and all(isinstance(seed, list) for seed in each):
                values[name] = np.array(each, dtype=np.float64)
        if values:
            found[row.name] = Drawn({n: v[:, None] for n, v in values.items()}, ())
    return found


def _with_predictions(section: Section, stored: Stored) -> list[tuple[Row, list[Predictions]]]:
    """Rows with the predictions of their seeds, in the order of the seeds."""
    rows = [row for row in section.rows if row.done]
    return [
        (row, [stored[r.cell_id] for r in row.done])
        for row in rows
        if all(r.cell_id in stored for r in row.done)
    ]


def _drawn(
    given: Predictions, known: Weights, replicates: int | None = None, seed: int = 0
) -> NDArray[np.float32]:
    """[1 + R, N] weights of a split: as it is, then drawn; made once per split.

    Those of a sample lie side by side, as sums over sorted samples want them.
    """
    names = "\n".join([str(seed), *given.id, *given.group])
    key = given.target.tobytes() + names.encode()
    if key not in known:
        amount = REPLICATES if replicates is None else replicates
        by_sample = np.ones((len(given.id), 1 + amount), np.float32)
        by_sample[:, 1:] = intervals.group_weights(given.target, given.group, amount, seed).T
        known[key] = by_sample.T
    return known[key]


def _over_seeds(seeds: list[Replicates]) -> Replicates:
    return {name: np.stack([seed[name] for seed in seeds]) for name in seeds[0]}


def defined(values: Floats) -> bool:
    """Whether a metric has a value in every seed on the test split as it is."""
    return not math.isnan(values[:, 0].sum())


OF_TRACK: dict[Track, Callable[[Section, Stored], dict[str, Drawn]]] = {
    "one_class": _one_class,
    "few_shot": _few_shot,
    "active": _active,
}
