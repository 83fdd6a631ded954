"""Which rows are better over several sources: the numbers of a critical-difference diagram.

A *source* is a dataset: its variants and regimes share images, so that their scores are averaged
first and a test counts them once (see ``benchmark.ranking``).
"""

import math
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from medtail.datamodules.core.contract import Track
from medtail.datamodules.core.names import DataName

from ..grid.cell import Frozen, digest
from ..statistics import ranking
from ..statistics.intervals import LEVEL
from .columns import VIEWS, column
from .row import Row
from .section import Section

FEWEST = 6  # sources: below, not even a single pair of rows can reach 5 %


class Critical(Frozen):
    """Rows of a track over its sources.

    Attributes:
        track: problem setting.
        sources: names of the datasets.
        boards: the ``data@regime`` names that were averaged within them.
        names: rows that every board has with all seeds, the best average rank first.
        left_out: rows that some board has and another has not.
        average_ranks: of each row over sources.
        win_rates: share of duels won over sources; None for a single row.
        p: p-values of all pairs, corrected for their number; empty with fewer than six sources.
        cliques: positions of neighbours in rank that no test tells apart; empty as well.
        needed: sources at which the corrected test of a single pair could reach 5 %.
    """

    track: Track
    sources: tuple[str, ...]
    boards: tuple[str, ...]
    names: tuple[str, ...]
    left_out: tuple[str, ...]
    average_ranks: tuple[float, ...]
    win_rates: tuple[float | None, ...]
    p: tuple[tuple[float, ...], ...]
    cliques: tuple[tuple[int, ...], ...]
    needed: int


def critical(boards: dict[str, list[Section]]) -> list[Critical]:
    """Compare the rows of every track over its sources, by the track's primary metric.

    Of a board its first table counts, the one with most records: tables of other terms are other
    experiments.

    Args:
        boards: tables by ``data@regime``.
    """
    tables = {slug: parts[0] for slug, parts in boards.items() if parts and parts[0].example}
    tracks: dict[Track, dict[str, Section]] = defaultdict(dict)
    for slug in sorted(tables):
        tracks[tables[slug].track][slug] = tables[slug]
    return [_compare(track, tracks[track]) for track in VIEWS if track in tracks]


def needed(rows: int) -> int:
    """Sources at which a pair of rows can reach 5 % after Holm's correction over all pairs.

    N differences of one sign have the smallest exact p of a signed-rank test, 2 / 2^N.
    """
    pairs = max(rows * (rows - 1) // 2, 1)
    return math.floor(math.log2(2 * pairs / (1 - LEVEL))) + 1


def _compare(track: Track, tables: dict[str, Section]) -> Critical:
    scores = {slug: dict(_scores(table)) for slug, table in tables.items()}
    names = {key_of(r): r.name for t in reversed(tables.values()) for r in t.rows if r.done}
    common = set.intersection(*(set(found) for found in scores.values()))
    keys = sorted(common, key=lambda k: names[k])
    sources = sorted({DataName.parse(slug).dataset for slug in tables})
    means = np.array(
        [
            np.mean([[scores[s][k] for k in keys] for s in tables if _source(s) == source], axis=0)
            for source in sources
        ]
    )
    ranks = ranking.ranks(means).mean(0)
    order = np.argsort(ranks, kind="stable")
    means, ranks = means[:, order], ranks[order]
    testable = len(sources) >= FEWEST and len(keys) > 1
    p = ranking.wilcoxon_holm(means) if testable else np.empty((0, 0))
    wins = ranking.win_rates(means).tolist()
    return Critical(
        track=track,
        sources=tuple(sources),
        boards=tuple(tables),
        names=tuple(names[keys[i]] for i in order),
        left_out=tuple(sorted(names[k] for k in names.keys() - common)),
        average_ranks=tuple(ranks.tolist()),
        win_rates=tuple(None if math.isnan(w) else w for w in wins),
        p=tuple(map(tuple, p.tolist())),
        cliques=tuple(ranking.cliques(ranks, p)) if testable else (),
        needed=max(needed(len(keys)), FEWEST),
    )


def _scores(table: Section) -> Iterator[tuple[str, float]]:
    """Primary metric of the complete rows that have one, by row."""
    primary = column(VIEWS[table.track].primary)
    for row in table.rows:
        if row.complete and (value := row.stat(primary)):
            yield key_of(row), value.mean


def key_of(row: Row) -> str:
    """A row's identity in any table; its name may tell there which parameters differ."""
    cell = (row.done + row.failed)[0].cell
    if cell.tuned:  # whose values differ from table to table
        return digest([cell.method, cell.row, cell.tuned.search])
    return cell.kind


def _source(slug: str) -> str:
    return DataName.parse(slug).dataset
