"""How sure the numbers of a table are: the one place that puts an error on any of them.

Boards, ``compare`` and ``score`` ask here. What a number varies by between trainings comes of the
records of all rows of its table, what it varies by between samples of the draws of ``replicates``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..evidence.record import Record
from ..statistics.intervals import Floats, Interval
from ..statistics.variance import (
    Estimate,
    Variance,
    combined,
    moderated,
    of_differences,
    over_samples,
    share,
    share_difference,
)
from .columns import COLUMNS
from .replicates import Drawn, defined
from .section import Section

SHARES_OF_UNITS = ("recall", "fitted_recall")  # of each class: how many of its images are right
COUNTS = frozenset(c.name for c in COLUMNS if c.unit == "count")
UNKNOWN = Variance(math.nan, math.inf)
Key = tuple[str, int | None]  # a metric, and the class that it is about


@dataclass(frozen=True)
class Spread:
    """Variance between trainings, as far as the rows of a table tell it together.

    Attributes:
        variance: of one training's value (or difference), by name (or pair of names).
        freedom: degrees of freedom of these; neither is a number where nothing is known.
    """

    variance: Mapping[tuple[str, ...], float]
    freedom: Mapping[tuple[str, ...], float]


class Precision:
    """Of the rows of a table and of those that stand beside it.

    Args:
        section: the table.
        drawn: of its rows, and of those beside it, by name.
    """

    def __init__(self, section: Section, drawn: Mapping[str, Drawn]) -> None:
        self._drawn = drawn
        self._alone = section.track == "active" or section.resplit  # of seeds: draws say nothing
        self._shared = _shared_share(section)
        self._rows = {row.name: row for row in (*section.rows, *section.outside) if row.done}
        self._known: dict[tuple[str, Key], Spread] = {}

    def single(self, name: str, metric: str, k: int | None = None) -> Interval | None:
        """A metric of a row, or its entry for class ``k``, with its interval of 95 %.

        None where it is undefined, or where only one training could vary.
        """
        values = self._of(name, (metric, k))
        if values is None:
            return None
        mean, amount = float(values[:, 0].mean()), len(values)
        training = self._training("rows", (name,), (metric, k), amount)
        if self._rows[name].submitted and amount == 1:
            training = UNKNOWN  # nothing here saw how else it could have been
        if self._alone:
            estimate = combined(mean, None, training)
            return None if np.isnan(estimate.error) else clipped(estimate.interval, metric)
        units = self._drawn[name].units_of(k)
        return share(mean, _over_samples(values, units), training, sum(units))

    def pair(self, one: str, other: str, metric: str, k: int | None = None) -> Estimate | None:
        """``one`` less ``other`` over the seeds that both have; None where it is undefined."""
        mine, theirs = self._of(one, (metric, k)), self._of(other, (metric, k))
        if mine is None or theirs is None:
            return None
        at, of = (self._seeds(name) for name in (one, other))
        seeds = sorted(at.keys() & of.keys())
        values = mine[[at[s] for s in seeds]] - theirs[[of[s] for s in seeds]]
        training = self._training("pairs", (one, other), (metric, k), len(seeds))
        mean = float(values[:, 0].mean())
        if self._alone:
            return combined(mean, None, training)
        units = self._drawn[one].units_of(k)
        samples = _over_samples(values, units)
        if metric in SHARES_OF_UNITS:
            return share_difference(mean, samples, training, sum(units))
        return combined(mean, samples, training)

    def _training(self, kind: str, names: tuple[str, ...], key: Key, seeds: int) -> Variance:
        """Of a mean over so many seeds.

        Seeds with splits of their own share images: what they have in common does not fall with
        their number (Nadeau and Bengio 2003, https://doi.org/10.1023/A:1024068626366, eq. 9).
        """
        found = self._spread(kind, key)
        names = names if names in found.variance else names[::-1]
        variance = found.variance[names]
        return Variance(variance / seeds + variance * self._shared, found.freedom[names])

    def _of(self, name: str, key: Key) -> Floats | None:
        """[S, 1 + R] values of a row; None where one is undefined."""
        metric, k = key
        if name not in self._drawn or metric not in self._drawn[name].values:
            return None
        values = self._drawn[name].values[metric]
        values = values if k is None else values[..., k]
        return values if defined(values) else None

    def _seeds(self, name: str) -> dict[int, int]:
        """The place of every seed of a row among its values."""
        return {r.cell.seed: n for n, r in enumerate(self._rows[name].done)}

    def _spread(self, kind: str, key: Key) -> Spread:
        if (kind, key) not in self._known:
            self._known[kind, key] = self._singles(key) if kind == "rows" else self._pairs(key)
        return self._known[kind, key]

    def _singles(self, key: Key) -> Spread:
        return between_seeds([(name,) for name in self._rows], self._trainings(key), self._own)

    def _pairs(self, key: Key) -> Spread:
        values, names = self._trainings(key), list(self._rows)
        first, second = np.triu_indices(len(names), 1)
        pairs = [(names[i], names[j]) for i, j in zip(first, second, strict=True)]
        own = self._own[first] & self._own[second]
        total = of_differences(_freedom(values[self._own]))
        return between_seeds(pairs, values[first] - values[second], own, total)

    @cached_property
    def _own(self) -> NDArray[np.bool_]:
        """[M] rows that are of the table, whose variances tell what is usual there."""
        return np.array([not row.submitted for row in self._rows.values()])

    @cached_property
    def _every_seed(self) -> list[int]:
        return sorted({r.cell.seed for row in self._rows.values() for r in row.done})

    def _trainings(self, key: Key) -> Floats:
        """[M, S] of every row by seed, from the records."""
        found = np.full((len(self._rows), len(self._every_seed)), np.nan)
        for place, row in enumerate(self._rows.values()):
            for record in row.done:
                found[place, self._every_seed.index(record.cell.seed)] = _entry(record, key)
        return found


def _shared_share(section: Section) -> float:
    """Tested images over the others, where seeds have splits of their own; else 0."""
    content = section.example.content if section.example else None
    if not section.resplit or content is None:
        return 0.0
    return content.test_share / (1 - content.test_share)


def _over_samples(values: Floats, units: tuple[int, ...]) -> Variance:
    """Of the mean of [S, 1 + R] values."""
    return over_samples(float(values[:, 1:].mean(0).var(ddof=1)), units)


def _entry(record: Record, key: Key) -> float:
    value = record.metrics.get(key[0])
    if isinstance(value, list):
        value = value[key[1]] if key[1] is not None else None
    return float(value) if isinstance(value, int | float) else np.nan


def between_seeds(
    names: Sequence[tuple[str, ...]],
    values: Floats,
    family: NDArray[np.bool_],
    total: float | None = None,
) -> Spread:
    """Of one training's value of each name, from values [M, S], not a number where there is none.

    Args:
        names: of M rows, or of M pairs of rows.
        values: of every seed.
        family: [M] those that tell what is usual in the table.
        total: see ``moderated``.
    """
    freedom = _freedom(values)
    empty = ~np.isfinite(values).any(1, keepdims=True)
    centred = values - np.nanmean(np.where(empty, 0.0, values), 1, keepdims=True)
    squares = np.nansum(centred**2, 1)
    variance, freedom = moderated(squares / np.maximum(freedom, 1), freedom, family, total)
    return Spread(
        dict(zip(names, variance.tolist(), strict=True)),
        dict(zip(names, freedom.tolist(), strict=True)),
    )


def _freedom(values: Floats) -> Floats:
    """[M] degrees of freedom of the variances of values [M, S]."""
    freedom: Floats = np.maximum(np.isfinite(values).sum(1) - 1, 0).astype(np.float64)
    return freedom


def clipped(found: Interval, metric: str) -> Interval:
    """Within what a share can be."""
    if metric in COUNTS:
        return found
    return Interval(found.mean, max(found.low, 0.0), min(found.high, 1.0))
