"""A row of a leaderboard: a method over its seeds."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..evidence.outside import Submitted
from ..evidence.record import Record
from .columns import Column


@dataclass(frozen=True)
class Stat:
    """Mean and sample standard deviation (n - 1) over seeds; ``sd`` is None for one seed."""

    mean: float
    sd: float | None


def stat(values: Sequence[float | None]) -> Stat | None:
    """Mean and spread; None where a seed's value is undefined, or without seeds."""
    defined = [float(v) for v in values if v is not None]
    if not defined or len(defined) < len(values):
        return None
    return Stat(
        math.fsum(defined) / len(defined),
        statistics.stdev(defined) if len(defined) > 1 else None,
    )


@dataclass(frozen=True)
class Row:
    """A method with its parameters, over its seeds.

    Attributes:
        name: see ``Cell.row``; where rows share one, with the parameters that differ.
        done: records of seeds that finished.
        failed: records of seeds that did not.
        expected: the seeds of any row of its section; of submitted predictions their own.
        submitted: what is known of predictions that somebody handed in; None for what ran here.
    """

    name: str
    done: tuple[Record, ...]
    failed: tuple[Record, ...]
    expected: frozenset[int]
    submitted: Submitted | None = None

    @property
    def complete(self) -> bool:
        """Whether it finished all seeds of its section; a mean over some of them is not ranked."""
        return bool(self.done) and {r.cell.seed for r in self.done} == self.expected

    @property
    def reconstruction(self) -> bool:
        """Whether the method's paper leaves a formula open."""
        return any(r.provenance_status == "reconstruction" for r in self.done)

    @property
    def status(self) -> str:
        """``faithful``, ``reconstruction`` or ``submitted``; empty where nothing finished."""
        if self.submitted:
            return "submitted"
        return "reconstruction" if self.reconstruction else "faithful" if self.done else ""

    @property
    def extras(self) -> list[str]:
        """What it had beyond the terms of its table: images, values, optimisers of its own."""
        if not self.done:
            return []
        record = self.done[0]
        labels = int(record.fitted.get("withheld_labels") or 0)
        more = [f"saw {labels:,} abnormal labels"] if labels else []
        times = record.cost.images / _usual_images(record, labels) if record.cost else 1
        if times > 1.01:
            more.append(f"{times:.1f} times the training images")
        if tuned := record.cell.tuned:
            more.append(
                f"lr {tuned.lr:g} and weight decay {tuned.weight_decay:g}, chosen in "
                f"{tuned.trials} trials on {tuned.folds} folds of train and validation"
            )
        if record.fitted.get("transductive"):
            more.append("learns from the queries of an episode together")
        if times == 0 and not (record.cell.terms.weights or record.cell.terms.features):
            more.append("judges by weights as they are drawn, which nothing trains")
        return more + [f"{s.own_optimizer} in {s.name}" for s in record.stages if s.own_optimizer]

    def stat(self, column: Column) -> Stat | None:
        """A column over seeds."""
        if column not in self._stats:
            self._stats[column] = stat([_number(r, column) for r in self.done])
        return self._stats[column]

    @cached_property
    def _stats(self) -> dict[Column, Stat | None]:
        """By column: a page asks for each very often."""
        return {}

    def values(self, column: Column) -> list[float]:
        """A column of each seed that has it."""
        return [v for r in self.done if (v := _number(r, column)) is not None]

    def of_class(self, name: str, index: int) -> Stat | None:
        """An entry of a per-class metric over seeds."""
        if (name, index) not in self._of_class:
            lists = [r.metrics.get(name) for r in self.done]
            values = [v[index] if isinstance(v, list) else None for v in lists]
            self._of_class[name, index] = stat(values)
        return self._of_class[name, index]

    @cached_property
    def _of_class(self) -> dict[tuple[str, int], Stat | None]:
        """By metric and class."""
        return {}

    def of_round(self, name: str, number: int) -> Stat | None:
        """Active: a metric of a round (from 0) over seeds."""
        values = [r.rounds[number].metrics.get(name) for r in self.done if number < len(r.rounds)]
        return stat([v if isinstance(v, float | int) else None for v in values])

    def picked(self, classes: Sequence[int], rounds: int) -> Stat | None:
        """Active: images of some classes chosen in the first ``rounds`` choices, over seeds."""
        made = [[t.picked for t in r.rounds[: rounds + 1] if t.picked] for r in self.done]
        return stat([sum(picked[k] for picked in seed for k in classes) for seed in made])


def _usual_images(record: Record, labels: int) -> int:
    """Training images that the terms of a table stand for."""
    budget = record.cell.terms.budget
    trained = [r.labelled for r in record.rounds] or [sum(record.class_counts) + labels]
    sizes = [min(n, budget.batch_size) for n in trained]
    keep = budget.last_batch == "keep"
    shown = (n if keep else n // size * size for n, size in zip(trained, sizes, strict=True))
    return sum(shown) * budget.epochs


def _number(record: Record, column: Column) -> float | None:
    if column.source == "cost":
        return getattr(record.cost, column.name, None)
    if column.source == "fitted":
        return record.fitted.get(column.name)
    value = (record.metrics if column.source == "metrics" else record.balanced).get(column.name)
    return None if isinstance(value, list) else value
