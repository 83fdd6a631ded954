"""Has anything become worse? Two boards of the same cells -> a verdict for each row.

Equal predictions are equal, exactly; on one platform an unchanged method gives them. Where they
differ, the question is whether an *unchanged* method, trained anew, would lose as much. A drop is
real where two tests say that it would not:

- *training*. Another platform or another order of random numbers is at worst a fresh draw of the
  seed, so that the mean difference of S paired seeds has a variance of at most 2 v / S. v is the
  variance between the seeds of BASE on these very samples; the rows of a table share what they
  have in common (``moderated``). This error is the margin of the row.
- *samples*. Both sides are scored on the same samples, so that what they agree on cancels; the
  standard error of the rest comes from a paired bootstrap. It keeps rows whose seeds hardly differ
  from a verdict that stands on a few images. Active learning stores one round's predictions and
  goes without.

The p-value of a row is the larger of the two (an intersection-union test, Berger 1982,
https://doi.org/10.1080/00401706.1982.10487790), one-sided; Holm corrects over the rows that moved.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..boards.columns import VIEWS, track
from ..evidence.predictions import Predictions
from ..evidence.record import Record
from ..grid.cell import digest
from ..statistics.intervals import Floats, Interval
from ..statistics.ranking import holm
from . import evidence
from .noise import Noise, between_seeds, sample_error, training_error

LEVEL = 0.005  # of all rows together; 1 false alarm in 100 comparisons: docs/regression.md
Verdict = Literal[
    "equal",
    "moved",  # not more than noise
    "rise",
    "drop",
    "rescored",  # equal predictions, other metrics
    "untested",  # moved, and no spread between seeds is known
    "failed",
    "missing",
    "not comparable",
    "new",
    "mended",
    "fails as before",
]
FAILS: tuple[Verdict, ...] = ("drop", "rescored", "failed", "missing", "not comparable")
MOVES: tuple[Verdict, ...] = ("moved", "rise", "untested")


@dataclass(frozen=True)
class Board:
    """Records, of any data, with the predictions of those that finished by cell id."""

    records: Sequence[Record]
    predictions: Mapping[str, Predictions]


@dataclass(frozen=True)
class Finding:
    """What became of a row.

    Attributes:
        data: name with regime.
        row: of its table.
        verdict: in a word.
        note: seeds, reasons, what differs.
        metric: the primary one of its track.
        base: mean over the seeds that both have.
        new: the same.
        difference: new minus base, with an interval of 95 % for two trainings of each seed.
        p: that an unchanged method loses so much; adjusted.
        platform: what of it differs from that of BASE; empty for the same.
    """

    data: str
    row: str
    verdict: Verdict
    note: str = ""
    metric: str = ""
    base: float = math.nan
    new: float = math.nan
    difference: Interval | None = None
    p: float | None = None
    platform: str = ""

    def fails(self, exact: bool = False) -> bool:
        """Whether it is a real drop; ``exact``: or moved at all on the same platform."""
        return self.verdict in FAILS or (exact and self.verdict in MOVES and not self.platform)


Seeds = dict[int, Record]
Pairs = list[tuple[Record, Record]]


def compare(base: Board, new: Board, level: float = LEVEL) -> list[Finding]:
    """A finding for every row of either board: those of ``base``, then what is new.

    Args:
        base: the reference.
        new: what is held against it.
        level: chance of any false alarm in all of it.
    """
    before, after = _rows(base.records), _rows(new.records)
    strangers = [seeds for key, seeds in after.items() if key not in before]
    noise = _noise(before)
    found: list[tuple[Finding, Noise | None]] = []
    for key, seeds in before.items():
        finding = _plain(seeds, after.get(key), strangers)
        if finding.verdict == "moved":
            pairs = _paired(seeds, after[key])
            found.append(_with_noise(finding, pairs, noise[key], base, new))
        else:
            found.append((finding, None))
    found += [(_fresh(seeds), None) for seeds in strangers]
    return _judged(found, level)


def primary(record: Record) -> float | None:
    """The metric that ranks its track's tables."""
    value = record.metrics.get(VIEWS[track(record.cell.terms.data)].primary)
    return float(value) if isinstance(value, int | float) else None


def _rows(records: Sequence[Record]) -> dict[str, Seeds]:
    """Rows by everything but the seed."""
    found: dict[str, Seeds] = defaultdict(dict)
    for record in sorted(records, key=lambda r: (r.cell.terms.data, r.cell.row, r.cell.seed)):
        row = digest(record.cell.model_dump(mode="json", exclude={"seed", "label"}))
        found[row][record.cell.seed] = record
    return dict(found)


def _noise(rows: Mapping[str, Seeds]) -> dict[str, tuple[float, float]]:
    """Variance between seeds of each row, and its degrees of freedom; a table is one family."""
    tables: dict[str, list[str]] = defaultdict(list)
    for key, seeds in rows.items():
        tables[digest(_first(seeds).cell.terms.content)].append(key)
    found: dict[str, tuple[float, float]] = {}
    for keys in tables.values():
        values = [[v for r in rows[k].values() if (v := primary(r)) is not None] for k in keys]
        variance, freedom = between_seeds(values)
        found |= dict(zip(keys, zip(variance.tolist(), freedom.tolist(), strict=True), strict=True))
    return found


def _plain(base: Seeds, new: Seeds | None, strangers: Sequence[Seeds]) -> Finding:
    """The verdict as far as it needs no statistics; ``moved`` where it does."""
    ok = {s for s, r in base.items() if r.status == "ok" and primary(r) is not None}
    if not ok:
        mended = new is not None and any(r.status == "ok" for r in new.values())
        return _named(base, "mended" if mended else "fails as before")
    if new is None:
        told = evidence.other_terms(_first(base).cell, [_first(s).cell for s in strangers])
        return _named(base, "not comparable" if told else "missing", told)
    lost = [new[s] for s in sorted(ok & new.keys()) if primary(new[s]) is None]
    if lost:
        reason = lost[0].reason or "its metric is undefined"
        return _named(base, "failed", f"seed {_listed(r.cell.seed for r in lost)}: {reason}")
    if absent := ok - new.keys():
        return _named(base, "missing", f"seed {_listed(absent)}")
    pairs = _paired(base, new)
    if told := next((t for pair in pairs if (t := evidence.other_images(*pair))), ""):
        return _named(base, "not comparable", told)
    one, other = _values(pairs).mean(1).tolist()
    finding = replace(
        _named(base, "moved"),
        metric=_metric(base),
        base=one,
        new=other,
        platform=next((t for pair in pairs if (t := evidence.other_platform(*pair))), ""),
    )
    same = [pair for pair in pairs if pair[0].predictions == pair[1].predictions]
    if names := next((n for pair in same if (n := evidence.other_numbers(*pair))), []):
        note = f"equal predictions, other {', '.join(names)}"
        return replace(finding, verdict="rescored", note=note)
    return replace(finding, verdict="equal") if len(same) == len(pairs) else finding


def _with_noise(
    finding: Finding, pairs: Pairs, noise: tuple[float, float], base: Board, new: Board
) -> tuple[Finding, Noise | None]:
    stored = [
        (base.predictions[one.cell_id], new.predictions[other.cell_id])
        for one, other in pairs
        if one.cell_id in base.predictions and other.cell_id in new.predictions
    ]
    if any(not np.array_equal(one.id, other.id) for one, other in stored):
        return replace(finding, verdict="not comparable", note="other test samples"), None
    variance, freedom = noise
    if not freedom > 0:
        note = "one seed, hence no spread is known"
        return replace(finding, verdict="untested", note=note), None
    samples = sample_error([a for a, _ in stored], [b for _, b in stored], track(finding.data))
    error = Noise(training_error(variance, len(pairs)), freedom, samples)
    return replace(finding, difference=error.interval(finding.new - finding.base)), error


def _judged(found: Sequence[tuple[Finding, Noise | None]], level: float) -> list[Finding]:
    """Holm over the rows that were tested, losses and gains each."""
    tested = [(f.new - f.base, noise) for f, noise in found if noise]
    losses = iter(holm(np.array([noise.p(-d) for d, noise in tested])).tolist())
    gains = iter(holm(np.array([noise.p(d) for d, noise in tested])).tolist())
    judged = []
    for finding, noise in found:
        if noise is None:
            judged.append(finding)
            continue
        loss, gain = next(losses), next(gains)
        verdict: Verdict = "drop" if loss <= level else "rise" if gain <= level else "moved"
        judged.append(replace(finding, verdict=verdict, p=loss))
    return judged


def _paired(base: Seeds, new: Seeds) -> Pairs:
    both = sorted(base.keys() & new.keys())
    return [(base[s], new[s]) for s in both if primary(base[s]) is not None]


def _values(pairs: Pairs) -> Floats:
    """[2, S] primary metric of base and new."""
    return np.array([[primary(r) for r in pair] for pair in pairs], dtype=np.float64).T


def _fresh(seeds: Seeds) -> Finding:
    values = [v for r in seeds.values() if (v := primary(r)) is not None]
    mean = float(np.mean(values)) if values else math.nan
    return replace(_named(seeds, "new"), metric=_metric(seeds), new=mean)


def _metric(seeds: Seeds) -> str:
    return VIEWS[track(_first(seeds).cell.terms.data)].primary


def _named(seeds: Seeds, verdict: Verdict, note: str = "") -> Finding:
    cell = _first(seeds).cell
    return Finding(cell.terms.data, cell.row, verdict, note)


def _first(seeds: Seeds) -> Record:
    return next(iter(seeds.values()))


def _listed(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))
