"""One table over sources: mean ranks, and gains over one row, of tables on the same features.

A *source* is a dataset: its regimes share images, and are averaged first. ``core`` sources count,
each as much as another; ``stress`` sources stand beside them. Which is which, and over which row
gains are told, ``medtail data sources`` measured and kept in ``sources.json``.
"""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel

from medtail.datamodules.core.errors import MedtailError, first_line
from medtail.datamodules.core.names import DataName

from ..grid.cell import Frozen
from ..statistics import ranking
from ..statistics.intervals import LEVEL, Floats
from .columns import column
from .critical_difference import key_of, needed
from .pairs import Pairs
from .section import Section
from .standing import Standing

FILE = "sources.json"
DRAWS = 2000
Kind = TypeVar("Kind", bound=BaseModel)
NORMAL = 1.959964  # half of an interval of 95 % is as many standard errors, at least
Numbers = tuple[float, float, float]  # estimate, and the ends of its interval of 95 %


class Tier(BaseModel):
    """Of a source, as ``sources.json`` has it beside other things."""

    name: str
    tier: str
    row: str


class Placed(Frozen):
    """A row over sources.

    Attributes:
        name: as the first board calls it.
        rank: metric -> mean rank over core sources; none where one of them lacks the row.
        gain: metric -> mean gain over the reference, over core sources; likewise.
        gains: metric -> of each source its gain; None where it lacks the row.
    """

    name: str
    rank: dict[str, Numbers] = {}
    gain: dict[str, Numbers] = {}
    gains: dict[str, tuple[float | None, ...]] = {}


class OverSources(Frozen):
    """Rows over sources.

    Attributes:
        reference: the row over which gains are told.
        core: names of the sources that count.
        stress: names of the others; gains are told of ``core``, then of these.
        boards: ``data@regime`` names that are averaged within them.
        rows: the best mean rank by the first metric first, then those without a rank.
        sure: pairs of rows that the corrected test tells apart, of all pairs.
        needed: sources from which on that test could tell a single pair.
    """

    reference: str
    core: tuple[str, ...]
    stress: tuple[str, ...]
    boards: tuple[str, ...]
    rows: tuple[Placed, ...]
    sure: tuple[int, int]
    needed: int


def kept(root: Path, kind: type[Kind]) -> list[Kind]:
    """What was measured of sources, from the folder of leaderboards; none where nothing was.

    Raises:
        MedtailError: the file is damaged.
    """
    path = root / FILE
    if not path.exists():
        return []
    try:
        return [kind.model_validate(entry) for entry in json.loads(path.read_bytes())]
    except (ValueError, TypeError) as error:  # pydantic's own is a ValueError
        raise MedtailError(
            f"{path}: not what medtail data sources wrote ({first_line(error)}): remove it and run "
            "that command again"
        ) from None


def over_sources(
    boards: Mapping[str, Sequence[Section]],
    standings: Mapping[str, Sequence[Standing]],
    measured: Sequence[Tier],
) -> OverSources | None:
    """The long tail's rows over sources; None with fewer than two core sources.

    Args:
        boards: tables by ``data@regime``.
        standings: of these tables.
        measured: tiers of sources.
    """
    reference = next((one.row for one in measured if one.row), "")
    found: dict[str, dict[str, tuple[Section, Pairs]]] = defaultdict(dict)
    for slug, parts in boards.items():
        for part, standing in zip(parts, standings[slug], strict=True):
            if _counts(part, reference):
                found[DataName.parse(slug).source][slug] = part, standing.pairs
                break
    core, stress = (
        tuple(sorted(one.name for one in measured if one.tier == tier and one.name in found))
        for tier in ("core", "stress")
    )
    tables = [list(found[name].values()) for name in (*core, *stress)]
    if len(core) < 2:
        return None
    return _placed(reference, core, stress, tables, found)


def _counts(part: Section, reference: str) -> bool:
    """Whether a table is of the long tail, on frozen features, and has the reference."""
    frozen = part.terms.budget.tune == "frozen" and part.terms.weights
    if part.track != "long_tail" or not frozen:
        return False
    return any(row.name == reference and row.complete for row in part.rows)


def _placed(
    reference: str,
    core: tuple[str, ...],
    stress: tuple[str, ...],
    tables: list[list[tuple[Section, Pairs]]],
    found: Mapping[str, Mapping[str, object]],
) -> OverSources | None:
    known = [pairs.halves for source in tables[: len(core)] for _, pairs in source]
    metrics = [m for m in tables[0][0][0].view.ranking if all(m in halves for halves in known)]
    if not metrics:  # a single row, or a seed each
        return None
    names: dict[str, str] = {}
    for part, _ in (table for source in tables for table in source):
        for row in part.rows:
            if row.complete:
                names.setdefault(key_of(row), row.name)
    keys = list(names)
    rows = {key: Placed(name=names[key]) for key in keys}
    sure, pairs, fewest = 0, 0, 0
    for metric in metrics:
        means = np.array([_mean(source, keys, metric) for source in tables])  # [S, M]
        at = next(n for n, key in enumerate(keys) if names[key] == reference)
        gains = means - means[:, at : at + 1]
        ranked = np.flatnonzero(~np.isnan(means[: len(core)]).any(0))
        chosen = [keys[n] for n in ranked]
        drawn = _drawn(means[: len(core), ranked], tables[: len(core)], chosen, metric)
        ranks = ranking.ranks(drawn).mean(1)  # [1 + R, M]
        above = drawn - drawn[..., chosen.index(keys[at])][..., None]
        for n, key in enumerate(chosen):
            rows[key].rank[metric] = _numbers(ranks[:, n])
            rows[key].gain[metric] = _numbers(above.mean(1)[:, n])
        for n, key in enumerate(keys):
            rows[key].gains[metric] = tuple(
                None if math.isnan(g) else round(float(g), 6) for g in gains[:, n]
            )
        if metric == metrics[0]:
            p = ranking.wilcoxon_holm(means[: len(core), ranked])
            pairs = len(chosen) * (len(chosen) - 1) // 2
            sure, fewest = int((np.triu(p < 1 - LEVEL, 1)).sum()), needed(len(chosen))
    order = sorted(rows.values(), key=lambda r: (r.rank.get(metrics[0], (math.inf,))[0], r.name))
    return OverSources(
        reference=reference,
        core=core,
        stress=stress,
        boards=tuple(slug for name in (*core, *stress) for slug in sorted(found[name])),
        rows=tuple(order),
        sure=(sure, pairs),
        needed=fewest,
    )


def _mean(source: list[tuple[Section, Pairs]], keys: list[str], metric: str) -> Floats:
    """[M] of each row the mean over a source's tables; NaN where one of them lacks it."""
    wanted = column(metric)
    each = []
    for part, _ in source:
        known = {key_of(row): row.stat(wanted) for row in part.rows if row.complete}
        each.append([s.mean if (s := known.get(key)) else math.nan for key in keys])
    mean: Floats = np.mean(each, 0)
    return mean


def _drawn(
    means: Floats, tables: list[list[tuple[Section, Pairs]]], keys: list[str], metric: str
) -> Floats:
    """[1 + R, S, M] means of rows as they are, then of sources, trainings and samples drawn anew.

    What a source's numbers vary by is drawn from a normal law with the variances of all paired
    differences of its tables. Its tables share images, and so one draw.
    """
    rng = np.random.default_rng(0)
    sources, amount = means.shape
    roots = [
        np.mean([spread(part, pairs, keys, metric) for part, pairs in source], 0)
        for source in tables
    ]
    noise = rng.standard_normal((DRAWS, sources, amount))
    moved = means + np.einsum("rsm,smn->rsn", noise, np.array(roots))
    chosen = rng.integers(0, sources, (DRAWS, sources))
    drawn = moved[np.arange(DRAWS)[:, None], chosen]
    return np.concatenate([means[None], drawn])


def spread(part: Section, pairs: Pairs, keys: list[str], metric: str) -> Floats:
    """[M, M] a square root of the covariance of a table's rows ``keys`` about their mean.

    The variances V of all paired differences give it: - 1/2 H V H, H = I - 1/M. A difference of
    which nothing is known has the largest variance of the others.
    """
    names = {key_of(row): row.name for row in part.rows if row.done}
    at = {name: n for n, name in enumerate(pairs.names)}
    halves = pairs.halves[metric]
    variance = np.full((len(keys), len(keys)), math.nan)
    for i, one in enumerate(keys):
        for j, other in enumerate(keys):
            a, b = sorted((at.get(names[one], -1), at.get(names[other], -1)))
            if 0 <= a < b and (half := halves[a][b - a - 1]) is not None:
                variance[i, j] = (half / NORMAL) ** 2
    most = np.nanmax(variance) if not np.isnan(variance).all() else 0.0
    variance = np.where(np.isnan(variance), most, variance)
    np.fill_diagonal(variance, 0)
    centre = np.eye(len(keys)) - 1 / len(keys)
    values, vectors = np.linalg.eigh(-centre @ variance @ centre / 2)
    root: Floats = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return root


def _numbers(drawn: Floats) -> Numbers:
    ends = np.percentile(drawn[1:], [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    mean, low, high = (round(float(n), 6) for n in (drawn[0], *ends))
    return mean, low, high
