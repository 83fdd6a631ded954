"""What a recommendation asks for: a suite of folds, and the pairs of folds that its choices need.

A choice inside the training part of a fold needs scores of networks that have seen nothing of that
fold. The other folds are there already: a network that leaves out two folds scores each of them for
the choice of the other one, so that k folds need k (k - 1) / 2 more trainings of a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from medtail import datamodules
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.table import SampleTable

from ..boards.columns import track
from ..grid.cell import Cell
from ..grid.files import load
from ..grid.mistakes import Mistake
from ..grid.suite import Suite

TEMPLATE = "recommend"
FEWEST = 3  # folds: one to test, one to choose by, one to train on


@dataclass(frozen=True)
class Facts:
    """The data of a recommendation.

    Attributes:
        images: that folds are made of.
        groups: of these; as many where groups are not known.
        grouped: whether they are.
        held_out: images of a test that the data brings, which no fold has.
    """

    images: int
    groups: int
    grouped: bool
    held_out: int


@dataclass(frozen=True)
class Plan:
    """All cells of a recommendation.

    Attributes:
        data: name with regime.
        facts: of it.
        folds: how many.
        cells: of each fold, with every row and seed.
        pairs: of each pair of folds.
    """

    data: str
    facts: Facts
    folds: int
    cells: tuple[Cell, ...]
    pairs: tuple[Cell, ...]


def plan(name: str, folds: int, seeds: int, terms: Mapping[str, Any]) -> Plan:
    """The cells of a recommendation.

    Args:
        name: of the data, with or without a regime.
        folds: of the cross-validation.
        seeds: trainings of each row on each fold.
        terms: of the suite, where they are to be others: ``image_size``, ``backbone``, ``weights``,
            ``features``, ``head``.

    Raises:
        MedtailError: no such data, data of another track, or too few groups of a class.
    """
    data = DataName.parse(name)
    if track(str(data)) != "long_tail":
        raise MedtailError(
            f"{data}: a recommendation is about all classes of the data: drop the regime "
            f"{data.regime}"
        )
    if folds < FEWEST:
        raise MedtailError(
            f"--folds {folds}: take {FEWEST} or more: one is tested, one is chosen by, and the "
            "others are trained on"
        )
    size = terms.get("image_size") or load(TEMPLATE).image_size
    facts = examined(str(data), size, folds)
    suite = suite_of(str(data), folds, seeds, terms, facts.held_out > 0)
    cells = sorted(suite.cells(), key=lambda c: (c.terms.fold, c.seed))
    return Plan(str(data), facts, folds, tuple(cells), tuple(pairs(cells)))


def pairs(cells: list[Cell]) -> list[Cell]:
    """Of cells of single folds those of every two, those of a split one after the other."""
    made = [
        cell.model_copy(update={"terms": cell.terms.model_copy(update={"beside": other})})
        for cell in cells
        for other in range(cell.terms.fold + 1, cell.terms.folds + 1)
    ]
    return sorted(made, key=lambda c: (c.terms.fold, c.terms.beside, c.seed))


def suite_of(data: str, folds: int, seeds: int, terms: Mapping[str, Any], hold_out: bool) -> Suite:
    """The template with other data and terms."""
    values = load(TEMPLATE).model_dump(exclude_unset=True)
    if terms.get("features"):
        values = {k: v for k, v in values.items() if k not in ("backbone", "weights")}
    params = {"hold_out": True} if hold_out else {}
    entry = {"name": data, "params": params}
    told = {"data": [entry], "folds": folds, "seeds": list(range(seeds))}
    try:
        return Suite.model_validate(values | told | {k: v for k, v in terms.items() if v})
    except ValidationError as error:
        raise MedtailError(Mistake.of(error).words) from error


def examined(data: str, image_size: int | tuple[int, int], folds: int) -> Facts:
    """Read labels, groups and a given split; no image.

    Args:
        data: name with regime.
        image_size: of which files are looked for.
        folds: of the cross-validation.

    Raises:
        MedtailError: a class has fewer groups than there are folds.
    """
    module = datamodules.build(data, image_size)
    table = module.load_table()
    table.check(data, module.class_names)
    kept = np.ones(len(table), bool) if table.split is None else table.split != "test"
    if wrong := too_few(table, kept, module.class_names, folds):
        raise MedtailError(f"{data}: {wrong}")
    groups = table.group if table.group is not None else table.id
    amount = len(np.unique(groups[kept]))
    return Facts(int(kept.sum()), amount, table.group is not None, int((~kept).sum()))


def too_few(table: SampleTable, kept: Any, names: tuple[str, ...], folds: int) -> str:  # noqa: ANN401
    """What is possible where a class has fewer groups than folds; empty where all is well."""
    groups, word = (table.id, "images") if table.group is None else (table.group, "groups")
    amounts = [len(np.unique(groups[kept & (table.target == k)])) for k in range(len(names))]
    small = {name: n for name, n in zip(names, amounts, strict=True) if n < folds}
    if not small:
        return ""
    told = ", ".join(f"{name} has {n}" for name, n in small.items())
    most = min(small.values())
    do = "merge such a class with another, or leave its images out"
    if most >= FEWEST:
        do = f"take --folds {most}, or {do}"
    else:
        do = f"{do} (below {FEWEST} no number of folds can test, choose and train)"
    return f"{told} {word}, and {folds} folds need {folds} of each class: {do}"
