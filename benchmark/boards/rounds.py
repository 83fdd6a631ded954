"""Active: metrics after every training, with intervals as those of the board are made.

Only seeds vary: predictions of earlier rounds are not kept, so that their sample is not drawn anew.
"""

import numpy as np

from ..statistics.intervals import Floats
from ..statistics.variance import Variance, combined
from .precision import Spread, between_seeds, clipped
from .row import Row
from .section import Section

# Metric -> of each training: mean, standard deviation over seeds, and the ends of its interval.
Course = dict[str, list[list[float | None] | None]]


def rounds(section: Section) -> dict[str, Course]:
    """Of every row that finished a seed, by name.

    The variance between seeds is moderated over the rows of the table, round by round.
    """
    rows = [row for row in section.rows if row.done]
    entries = [e for row in rows for r in row.done for t in r.rounds for e in t.metrics.items()]
    metrics = sorted({name for name, value in entries if isinstance(value, int | float)})
    made: dict[str, Course] = {row.name: {m: [] for m in metrics} for row in rows}
    for metric in metrics:
        for number in range(section.rounds):
            values = _values(rows, section.seeds, metric, number)
            family = np.ones(len(rows), np.bool_)
            spread = between_seeds([(row.name,) for row in rows], values, family)
            for row in rows:
                made[row.name][metric].append(_point(row, metric, number, spread))
    return made


def _point(row: Row, metric: str, number: int, spread: Spread) -> list[float | None] | None:
    stat, key = row.of_round(metric, number), (row.name,)
    if stat is None:
        return None
    training = Variance(spread.variance[key] / len(row.done), spread.freedom[key])
    found = combined(stat.mean, None, training)
    if np.isnan(found.error):
        return [stat.mean, stat.sd, None, None]
    ends = clipped(found.interval, metric)
    return [stat.mean, stat.sd, ends.low, ends.high]


def _values(rows: list[Row], seeds: list[int], metric: str, number: int) -> Floats:
    """[M, S] of every row by seed after a training."""
    found = np.full((len(rows), len(seeds)), np.nan)
    for place, row in enumerate(rows):
        for record in row.done:
            trained = record.rounds[number] if number < len(record.rounds) else None
            value = trained.metrics.get(metric) if trained else None
            if isinstance(value, int | float):
                found[place, seeds.index(record.cell.seed)] = value
    return found
