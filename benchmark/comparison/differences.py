"""One method against others on the same tests: paired differences with intervals, from the boards.

A comparison is of two rows of a table: the same seeds, samples and draws. Nothing is averaged over
boards, as regimes of one dataset share its images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import cache, partial
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from medtail.datamodules.core.contract import Track
from medtail.datamodules.core.errors import MedtailError, unknown

from ..boards.columns import Column, column
from ..boards.leaderboard import read_predictions
from ..boards.outside import attach
from ..boards.replicates import defined, replicates
from ..boards.section import Row, Section, apart, sections
from ..evidence.outside import Given, Submitted
from ..evidence.predictions import Predictions
from ..evidence.record import read_lines
from ..statistics.intervals import Floats, Interval, draw_seeds, interval, over_seeds
from ..statistics.ranking import holm

LEVEL = 0.05  # of the verdict, over all comparisons of a call


@dataclass(frozen=True)
class Difference:
    """A metric of two rows.

    Attributes:
        metric: its name in the records.
        label: its title, or the class that it is about.
        scale: 100 for a share, which is shown in %; 1 for a count.
        new: mean of the one over the seeds that both have.
        base: mean of the other.
        difference: new minus base, with an interval of 95 %.
        p: two-sided, of no difference.
    """

    metric: str
    label: str
    scale: int
    new: float
    base: float
    difference: Interval
    p: float


@dataclass(frozen=True)
class Comparison:
    """Two rows of a board.

    Attributes:
        data: name of the board.
        track: of it.
        new: name of the one row.
        base: name of the other.
        seeds: that both have.
        metrics: differences, the primary metric first.
        classes: differences of every class.
        p: of the primary metric, corrected for all comparisons of the call (Holm).
        submitted: those of the two names that are of predictions somebody handed in.
    """

    data: str
    track: Track
    new: str
    base: str
    seeds: tuple[int, ...]
    metrics: tuple[Difference, ...]
    classes: tuple[Difference, ...]
    p: float = 1.0
    submitted: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``higher``, ``lower`` or ``cannot tell``: of the primary metric, by the corrected p."""
        if self.p >= LEVEL:
            return "cannot tell"
        return "higher" if self.metrics[0].difference.mean > 0 else "lower"


def boards(root: Path, data: str = "*") -> list[str]:
    """Names of the boards whose name is one of, or fits, comma-separated names or globs.

    Raises:
        MedtailError: there is none.
    """
    known = [p.stem for p in sorted((root / "records").glob("*.jsonl"))]
    if not known:
        raise MedtailError(f"{root}: no records; `medtail bench` writes some")
    patterns = data.split(",")
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in known):
            raise unknown("board", pattern, known)
    return [name for name in known if any(fnmatch(name, p) for p in patterns)]


def compare(
    root: Path,
    data: Sequence[str],
    new: str,
    bases: Sequence[str],
    more: Sequence[tuple[Submitted, Given]] = (),
) -> list[Comparison]:
    """A row against others on every board that has both.

    Args:
        root: folder of leaderboards.
        data: names of boards.
        new: a row's name, or that of predictions which were handed in.
        bases: others'.
        more: predictions that stand on no board, as if they did.

    Raises:
        MedtailError: a row that no board has, two that never meet, or no seed that both have.
    """
    if new in bases:
        raise MedtailError(f"{new}: a row is not compared with itself")
    found: list[Comparison] = []
    known: dict[str, list[Section]] = {}
    for name in data:
        tables = sections(read_lines(root / "records" / f"{name}.jsonl"))
        stored = cache(partial(read_predictions, root, name))
        tables, given = attach(root, name, tables, stored, more)
        for table in tables:
            rows = {row.name: row for row in (*table.rows, *table.outside) if row.done}
            known |= {row: tables for row in rows}
            pairs = [(rows[new], rows[b]) for b in bases if b in rows] if new in rows else []
            found += [_pair(root, name, table, *pair, stored() | given) for pair in pairs]
    where = data[0] if len(data) == 1 else f"these {len(data)} boards"
    for name in (new, *bases):
        if name not in known:
            raise unknown(f"method on {where}", name, known)
    for base in bases:
        if base not in {c.base for c in found}:
            raise MedtailError(f"{new} and {base} {_never_meet(known[new], new, base)}")
    corrected = holm(np.array([c.metrics[0].p for c in found])).tolist()
    return [replace(c, p=p) for c, p in zip(found, corrected, strict=True)]


def _never_meet(tables: list[Section], new: str, base: str) -> str:
    """Why two rows are in no table together."""
    homes = [
        next((t for t in tables if name in {r.name for r in (*t.rows, *t.outside)}), None)
        for name in (new, base)
    ]
    if homes[0] and homes[1]:
        return f"cannot be compared: {apart(homes[0], homes[1])}; run one of them again"
    return "are on no board together"


def _pair(
    root: Path, data: str, table: Section, new: Row, base: Row, known: Mapping[str, Predictions]
) -> Comparison:
    seeds = sorted({r.cell.seed for r in new.done} & {r.cell.seed for r in base.done})
    if not seeds:
        raise MedtailError(f"{data}: {new.name} and {base.name} have no seed in common")
    rows = tuple(
        replace(row, done=tuple(r for r in row.done if r.cell.seed in seeds)) for row in (new, base)
    )
    wanted = {r.cell_id for row in rows for r in row.done}
    stored = {k: p for k, p in known.items() if k in wanted}
    if len({p.truth for p in stored.values()}) > 1:
        raise MedtailError(
            f"{data}: {new.name} and {base.name} were scored on other ids or targets: run or score "
            "one of them again on the data of the other"
        )
    drawn = replicates(replace(table, rows=rows), stored)
    if len(drawn) < 2:
        missing = new.name if new.name not in drawn else base.name
        raise MedtailError(f"{data}: the predictions of {missing} are not in {root}/predictions")
    one, other = drawn[new.name], drawn[base.name]
    alone = table.track == "active"
    view, names = table.view, table.names
    order = [view.primary, *(n for n in view.page if n != view.primary)]
    metrics = [
        _difference(column(n), column(n).title, one[n], other[n], alone)
        for n in order
        if n in one and n in other and defined(one[n]) and defined(other[n])
    ]
    entry = Column(next(iter(view.classes)), "")
    classes = [
        _difference(entry, names[k], one[entry.name][..., k], other[entry.name][..., k], alone)
        for k in table.by_count
        if defined(one[entry.name][..., k]) and defined(other[entry.name][..., k])
    ]
    submitted = tuple(row.name for row in rows if row.submitted)
    return Comparison(
        *(data, table.track, new.name, base.name, tuple(seeds), tuple(metrics), tuple(classes)),
        submitted=submitted,
    )


def _difference(
    metric: Column, label: str, new: Floats, base: Floats, seeds_alone: bool
) -> Difference:
    """From values [S, 1 + R] of the same seeds and draws."""
    values = new - base
    plain = values[:, 0]
    if seeds_alone:
        found, p = over_seeds(plain), t_test(plain)
    else:
        draws = draw_seeds(values[:, 1:])
        found, p = interval(float(plain.mean()), draws), bootstrap_p(draws)
    scale = 1 if metric.unit == "count" else 100
    means = float(new[:, 0].mean()), float(base[:, 0].mean())
    return Difference(metric.name, label, scale, *means, found, p)


def bootstrap_p(draws: Floats) -> float:
    """Two-sided p-value of no difference, from draws [R] of it: never below 2 / (R + 1)."""
    draws = draws[~np.isnan(draws)]
    beyond = min((draws <= 0).sum(), (draws >= 0).sum())
    return float(min(1, 2 * (beyond + 1) / (len(draws) + 1)))


def t_test(differences: Floats) -> float:
    """Two-sided p-value of Student's paired test of [S] differences; 1 for fewer than two seeds."""
    amount = len(differences)
    spread = float(np.std(differences, ddof=1)) if amount > 1 else 0.0
    if amount < 2 or (spread == 0 and not differences.any()):
        return 1.0
    if spread == 0:
        return 0.0
    return float(2 * student.sf(abs(differences.mean()) / spread * amount**0.5, amount - 1))
