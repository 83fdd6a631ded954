"""A random search that is the same for every method: its trials, as cells.

Every method has the same learning rates and weight decays in the same order, trial by trial, and as
many trials; a parameter of the same name and range has the same values, too. The first trial is the
row as the table has it. Trials are drawn one by one, so that the first ten of twenty are the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from medtail import methods
from medtail.datamodules.core.errors import MedtailError, unknown
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.splitting.regimes import track
from medtail.methods.core.ranges import Choice, Range

from ..grid.cell import Cell, Terms, digest
from ..grid.tuned import Tuned

NO_DECAY = Range(1e-6, 0.1, log=True)  # around a table's weight decay of 0 there is no factor
Ranges = Mapping[str, Range | Choice]


@dataclass(frozen=True)
class Search:
    """What all rows of a table share.

    Attributes:
        trials: of every row, the first with the values of the table.
        folds: of train and validation that each is scored on.
        seed: of what is drawn, and of the trainings.
        span: learning rate and weight decay lie within this factor of the table's.
    """

    trials: int = 10
    folds: int = 3
    seed: int = 0
    span: float = 10.0

    @property
    def digest(self) -> str:
        """Stands for the values that are drawn."""
        return digest([self.trials, self.folds, self.seed, self.span])


@dataclass(frozen=True)
class Values:
    """A trial: what is tried.

    Attributes:
        lr: learning rate.
        weight_decay: of weights.
        params: every parameter of the method.
    """

    lr: float
    weight_decay: float
    params: Mapping[str, Any]


def refusal(terms: Terms) -> str:
    """Why no row of a table can be tuned; empty where it can."""
    kind = track(DataName.parse(terms.data).regime)
    if kind != "long_tail":
        return f"tuning is of the long-tail track, and this is {kind.replace('_', '-')}"
    if terms.folds:
        return "folds: each would need a search of its own: leave folds out"
    if terms.draws > 1:
        return "draws: the test of one lies in the train of others: write draws: 1"
    return ""


def ranges_of(method: str, params: Mapping[str, Any]) -> Ranges:
    """What a method says may be drawn of its arguments; what the suite has set stays as it is.

    Args:
        method: slug.
        params: of the row.

    Raises:
        MedtailError: it names an argument that it has not, or something else than a range.
    """
    declared, usual = methods.get(method).ranges, methods.defaults(method)
    for name, values in declared.items():
        if name not in usual:
            raise unknown(f"argument of {method} in its ranges", name, usual)
        if not isinstance(values, Range | Choice):
            raise MedtailError(f"{method}: ranges: {name}={values!r}: give a Range or a Choice")
    return {n: declared[n] for n in sorted(declared) if params.get(n, usual[n]) == usual[n]}


def values_of(search: Search, row: Cell) -> list[Values]:
    """The trials of a row, in order.

    Raises:
        MedtailError: nothing of its method can be drawn.
    """
    budget, ranges = row.terms.budget, ranges_of(row.method, row.params)
    stages = methods.get(row.method).stages
    if not ranges and all(stage.recipe for stage in stages):
        raise MedtailError(
            f"{row.row}: its stages have optimisers of their own and no ranges are left: all "
            "trials would be one: leave the row out, or give the method ranges (docs/tuning.md)"
        )
    rate = _around(budget.lr, search.span)
    decay = _around(budget.weight_decay, search.span) if budget.weight_decay else NO_DECAY
    made = [Values(budget.lr, budget.weight_decay, row.params)]
    for number in range(1, search.trials):
        lr, weight_decay = np.random.default_rng([search.seed, number]).random(2).tolist()
        own = {name: r.at(_share(search.seed, number, name)) for name, r in ranges.items()}
        made.append(Values(rate.at(lr), decay.at(weight_decay), {**row.params, **own}))
    return made


def _around(value: float, span: float) -> Range:
    return Range(value / span, value * span, log=True)


def _share(seed: int, number: int, name: str) -> float:
    """The same for a name in every method."""
    return float(np.random.default_rng([seed, number, crc32(name.encode())]).random())


def cells_of(search: Search, row: Cell) -> Iterator[tuple[int, int, Cell]]:
    """Trial (from 0), fold (from 1) and cell, fold after fold.

    Args:
        search: of the table.
        row: one of its cells, of whatever seed.
    """
    trials = list(enumerate(values_of(search, row)))
    for fold in range(1, search.folds + 1):
        inner = {"inner_folds": search.folds, "inner_fold": fold}
        terms = row.terms.model_copy(update=inner)
        for number, values in trials:
            cell = Cell(
                method=row.method,
                params=dict(values.params),
                label=row.row,
                seed=search.seed,
                terms=terms,
                tuned=Tuned(lr=values.lr, weight_decay=values.weight_decay),
            )
            yield number, fold, cell
