"""A recommendation is run: what is missing of its cells, and then what they say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from medtail.datamodules.core.errors import MedtailError

from ..evidence.predictions import Predictions
from ..execution import driver, preflight, room
from ..execution.launch import Launcher
from ..execution.store import Store
from ..execution.worker import prepared
from ..grid.cell import Cell
from ..networks import ensemble
from ..networks.description import DESCRIPTION, WEIGHTS, read
from ..networks.network import built
from ..tracks import supervised
from .certainty import Certainty, Numbers, certainty, of_ensemble
from .choice import Choice, choose, key_of
from .plan import Plan

FOLDER = "ensemble"


@dataclass(frozen=True)
class Recommendation:
    """What a recommendation says.

    Attributes:
        plan: that it is of.
        choice: the picks.
        known: how sure they are.
        lost: rows of which a training failed, so that nothing is said of them.
        held_out: what the ensemble reaches on a test that the data brings.
    """

    plan: Plan
    choice: Choice
    known: Certainty
    lost: tuple[str, ...] = ()
    held_out: Numbers | None = None


def fitting(plan: Plan, console: Console) -> Plan:
    """The plan without rows that cannot run on its data, which are told.

    Raises:
        MedtailError: none of them can.
    """
    cells = preflight.applicable(plan.cells, console)
    rows = {cell.row for cell in cells}
    pairs = tuple(cell for cell in plan.pairs if cell.row in rows)
    return replace(plan, cells=tuple(cells), pairs=pairs)


def missing(plan: Plan, store: Store) -> tuple[list[Cell], list[Cell]]:
    """Cells of folds without a result or without their network, and those of pairs of folds."""
    cells = [c for c in plan.cells if not (store.done(c) and _network(store, c).is_file())]
    return cells, [cell for cell in plan.pairs if not store.done(cell)]


def perform(
    cells: Sequence[Cell], pairs: Sequence[Cell], store: Store, launcher: Launcher, console: Console
) -> list[str]:
    """Run cells; networks of single folds stay. A line for each that failed.

    Raises:
        MedtailError: what can be wrong before any training.
    """
    if not (waiting := [*cells, *pairs]):
        return []
    room.check_room(waiting, store, [], "all", console)
    preflight.check(waiting, console)
    failures = driver.run_missing(cells, store, launcher, 1, "disabled", console, "all")
    return failures + driver.run_missing(pairs, store, launcher, 1, "disabled", console, "none")


def conclude(plan: Plan, store: Store) -> Recommendation:
    """Say what finished cells come to; writes the ensemble.

    Raises:
        MedtailError: no row has all its cells.
    """
    every = [*plan.cells, *plan.pairs]
    names = list(dict.fromkeys(cell.row for cell in plan.cells))
    lost = {cell.row for cell in every if not store.done(cell)}
    rows = [row for row in names if row not in lost]
    if not rows:
        raise MedtailError(f"{plan.data}: no row has finished on all folds: see the lines above")
    mine = [cell for cell in every if cell.row in rows]
    tests = {key_of(cell): store.predictions(cell) for cell in mine}
    seeds = sorted({cell.seed for cell in mine})
    choice = choose(tests, rows, seeds, plan.folds)
    finished, _ = store.evidence([cell for cell in mine if not cell.terms.beside])
    known = certainty(finished, tests, choice, seeds)
    members = [cell for cell in plan.cells if cell.row == choice.pick]
    named = [(f"fold{c.terms.fold}-seed{c.seed}", store.folder(c)) for c in members]
    ensemble.write(store.root / FOLDER, named)
    held = of_ensemble(predicted(members, store)) if plan.facts.held_out else None
    return Recommendation(plan, choice, known, tuple(sorted(lost)), held)


def predicted(members: Sequence[Cell], store: Store) -> Predictions:
    """What the networks of some cells say together of the test that the data brings."""
    data = prepared(members[0].terms.table)
    each = []
    for cell in members:
        about = read(store.folder(cell) / DESCRIPTION)
        method = built(about, _network(store, cell))
        each.append(supervised.predict(method, data, "test"))
    mean = np.mean([predictions.probabilities for predictions in each], 0)
    first = each[0]
    logits = np.log(np.maximum(mean, np.finfo(mean.dtype).tiny))
    return Predictions.of(first.id, first.group, first.target, logits)


def _network(store: Store, cell: Cell) -> Path:
    return store.folder(cell) / WEIGHTS
