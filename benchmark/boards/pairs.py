"""Paired differences of every two rows of a table: how far their intervals of 95 % reach."""

import math

from ..grid.cell import Frozen
from .precision import Precision
from .section import Section

Halves = tuple[tuple[float | None, ...], ...]


class Pairs(Frozen):
    """Of every two rows; the differences themselves are those of the seeds that both have.

    Attributes:
        names: of the rows.
        halves: metric -> of each row but the last, half of the interval of its difference to each
            row after it; None where nothing is known of it.
    """

    names: tuple[str, ...] = ()
    halves: dict[str, Halves] = {}


def pairs(section: Section, known: Precision, metrics: list[str]) -> Pairs:
    """Of the rows of a table that finished a seed.

    Args:
        section: the table.
        known: how sure its numbers are.
        metrics: whose differences are told.
    """
    rows = [row for row in section.rows if row.done]
    seeds = {row.name: {r.cell.seed for r in row.done} for row in rows}

    def half(one: str, other: str, metric: str) -> float | None:
        found = known.pair(one, other, metric) if seeds[one] & seeds[other] else None
        if found is None or math.isnan(found.error):
            return None
        return round((found.interval.high - found.interval.low) / 2, 6)

    names = [row.name for row in rows]
    halves = {
        metric: tuple(
            tuple(half(one, other, metric) for other in names[n + 1 :])
            for n, one in enumerate(names[:-1])
        )
        for metric in metrics
    }
    told = {m: lines for m, lines in halves.items() if any(set(line) - {None} for line in lines)}
    return Pairs(names=tuple(names) if told else (), halves=told)
