"""How sure numbers are that no record has, by the same two variances as the boards' numbers."""

import itertools
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..statistics.intervals import Floats, Interval
from ..statistics.ranking import by_duels
from ..statistics.variance import (
    Variance,
    combined,
    moderated,
    of_differences,
    over_samples,
    share,
)

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Values:
    """A number of a row.

    Attributes:
        drawn: [S, 1 + R] of S seeds: on the test as it is, then drawn anew.
        units: groups that each class (or part) has, which are drawn from.
        seeds: S.
    """

    drawn: Floats
    units: tuple[int, ...]
    seeds: tuple[int, ...]

    @property
    def mean(self) -> float:
        """Over seeds, on the test as it is."""
        return float(self.drawn[:, 0].mean())

    @property
    def samples(self) -> Variance:
        """Over other samples; a draw in which the number is undefined is left out."""
        drawn = np.nanvar(self.drawn[:, 1:].mean(0), ddof=1)
        return over_samples(float(drawn), [n for n in self.units if n])


def intervals(rows: Mapping[str, Values], shares: bool) -> dict[str, Interval]:
    """Of a number of the rows of a table, 95 %; rows without a value are left out.

    Args:
        rows: by name.
        shares: whether it is a share of units, such as a recall, and lies in 0 to 1; else it lies
            anywhere.
    """
    rows = {name: v for name, v in rows.items() if math.isfinite(v.mean)}
    training = _training({name: v.drawn[:, 0] for name, v in rows.items()})
    if shares:
        return {n: share(v.mean, v.samples, training[n], sum(v.units)) for n, v in rows.items()}
    return {n: combined(v.mean, v.samples, training[n]).interval for n, v in rows.items()}


def ranks(rows: Mapping[str, Values]) -> dict[str, tuple[int, int]]:
    """95 % interval of each row's rank by a number of which less is better; see ``by_duels``."""
    rows = {name: v for name, v in rows.items() if math.isfinite(v.mean)}
    pairs = {
        (one, other): found
        for one, other in itertools.combinations(rows, 2)
        if (found := _difference(rows[one], rows[other])) is not None
    }
    total = of_differences(np.array([len(v.seeds) - 1.0 for v in rows.values()]))
    training = _training({pair: found.drawn[:, 0] for pair, found in pairs.items()}, total)
    duels = {
        pair: combined(-found.mean, found.samples, training[pair]) for pair, found in pairs.items()
    }
    ends, _ = by_duels(list(rows), duels)
    return dict(zip(rows, ends, strict=True))


def _difference(one: Values, other: Values) -> Values | None:
    """Over the seeds and draws that both have."""
    seeds = [seed for seed in one.seeds if seed in other.seeds]
    if not seeds:
        return None
    draws = min(one.drawn.shape[1], other.drawn.shape[1])
    mine, theirs = (v.drawn[[v.seeds.index(seed) for seed in seeds], :draws] for v in (one, other))
    return Values(mine - theirs, one.units, tuple(seeds))


def _training(values: Mapping[Name, Floats], total: float | None = None) -> dict[Name, Variance]:
    """Of means over seeds, moderated over what stands together; ``total`` as there."""
    amounts = np.array([len(v) for v in values.values()], dtype=np.float64)
    own = np.array([v.var(ddof=1) if len(v) > 1 else 0.0 for v in values.values()])
    if not len(own):
        return {}
    size, freedom = moderated(own, amounts - 1, total=total)
    return {
        name: Variance(float(s / n), float(f))
        for name, s, f, n in zip(values, size, freedom, amounts, strict=True)
    }
