"""How far a suite is: cells by state, pace, time left, failures. For ``medtail status``."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from medtail import methods
from medtail.datamodules.core.errors import MedtailError

from ..boards.columns import headline, track
from ..evidence.record import Record
from ..grid.cell import Cell
from ..grid.suite import Suite
from .driver import clock
from .store import Store

State = Literal["done", "running", "failed", "damaged", "runs again", "missing", "n/a"]
STATES: tuple[State, ...] = get_args(State)
RECENT = 3600.0  # seconds that a pace is measured over


@dataclass(frozen=True)
class Standing:
    """A cell and where it stands.

    Attributes:
        cell: of a suite.
        state: one of ``STATES``.
        words: scores of a done one, what a running one is at, why another is not done.
        record: where there is one.
    """

    cell: Cell
    state: State
    words: str
    record: Record | None = None


def standings(suite: Suite, store: Store) -> list[Standing]:
    """Of every cell of a suite."""
    at_work = store.at_work()
    return [_standing(cell, store, at_work) for cell in suite.cells()]


def _standing(cell: Cell, store: Store, at_work: dict[str, str]) -> Standing:
    try:
        record = store.read(cell)
    except MedtailError as error:
        return Standing(cell, "damaged", str(error))
    if cell.id in at_work:
        return Standing(cell, "running", at_work[cell.id].rpartition(": ")[2], record)
    if record is None:
        fits = track(cell.terms.data) in methods.describe(cell.method).tracks
        return Standing(cell, *(("missing", "") if fits else ("n/a", "no method of this track")))
    if why := store.changed(cell):
        return Standing(cell, "runs again", why, record)
    if record.status == "ok":
        return Standing(cell, "done", headline(record), record)
    return Standing(cell, "failed", record.reason, record)


def totals(found: Sequence[Standing]) -> Table:
    """A line for each table of a suite, and one for all: cells by state."""
    there = [state for state in STATES if any(s.state == state for s in found)]
    table = Table("data", *there, "of")
    by_data: dict[str, list[Standing]] = {}
    for one in found:
        by_data.setdefault(one.cell.terms.data, []).append(one)
    rows = [*by_data.items(), *([("all", list(found))] if len(by_data) > 1 else [])]
    for name, mine in rows:
        amounts = Counter(one.state for one in mine)
        table.add_row(name, *(str(amounts[s] or "-") for s in there), str(len(mine)))
    return table


def pace(found: Sequence[Standing], now: float) -> str:
    """How many cells ended lately, and how long the rest takes at that; empty without any.

    Args:
        found: of a suite.
        now: seconds since 1970.
    """
    left = sum(s.state in ("running", "failed", "damaged", "runs again", "missing") for s in found)
    ends = [
        datetime.fromisoformat(s.record.provenance.finished).timestamp()
        for s in found
        if s.state == "done" and s.record and s.record.provenance and s.record.provenance.finished
    ]
    lately = [end for end in ends if 0 <= now - end <= RECENT]
    if not lately or not left or not any(s.state == "running" for s in found):
        return ""
    each = (now - min(lately)) / len(lately)
    amount = f"{len(lately)} cells ended in the last {clock(now - min(lately))}"
    return f"{amount}: about {clock(each * left)} for the {left} that are left"


def summary(suite: Suite, store: Store) -> Iterator[RenderableType]:
    """Totals first, then the pace, what runs and what failed."""
    found = standings(suite, store)
    yield totals(found)
    if told := pace(found, time.time()):
        yield Text(told)
    for one in (s for s in found if s.state == "running"):
        yield Text(f"… {one.cell}: {one.words}", style="dim")
    reasons: dict[tuple[State, str], list[Standing]] = {}
    for one in found:
        if one.state in ("failed", "damaged", "runs again"):
            reasons.setdefault((one.state, one.words), []).append(one)
    for (state, words), mine in reasons.items():
        more = f" and {len(mine) - 1} more" if len(mine) > 1 else ""
        mark, style = ("↻", "") if state == "runs again" else ("✗", "red")
        yield Text(f"{mark} {mine[0].cell}{more}: {words}", style=style)


def every_cell(suite: Suite, store: Store, state: str = "") -> Table:
    """A line for each cell, of one state where that is named.

    Raises:
        MedtailError: there is no such state.
    """
    if state and state not in STATES:
        raise MedtailError(f"--state {state}: write {', '.join(STATES)}")
    table = Table("data", "method", "seed", "state", "scores, or why")
    for one in standings(suite, store):
        if state in ("", one.state):
            cell = one.cell
            table.add_row(cell.terms.name, cell.row, str(cell.seed), one.state, Text(one.words))
    return table
