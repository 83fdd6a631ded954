"""What can be wrong with cells is found before any of them is trained."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from rich.console import Console
from timm.optim import list_optimizers

from medtail import methods
from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import DataError, MedtailError, unknown
from medtail.methods.core.base import Method
from medtail.methods.core.layers import layers_of

from ..boards.columns import track
from ..features.standing_in import compute
from ..grid.cell import Cell, Terms
from ..tracks import supervised
from .trial import refusal, try_step
from .worker import prepared


def applicable(cells: Sequence[Cell], console: Console) -> list[Cell]:
    """Those of the cells that make sense; says of the others why they are n/a.

    Without the data, a method's tracks decide alone: the grid can be read on any machine.

    Raises:
        MedtailError: wrong data, or none of the cells makes sense.
    """
    reasons = refusals(cells)
    told = {(c.row, c.terms.data): reason for c, reason in reasons.items() if reason}
    for (row, data), reason in told.items():
        console.print(f"n/a: {row} on {data}: {reason}", markup=False, highlight=False)
    kept = [cell for cell in cells if not reasons[cell]]
    if cells and not kept:
        raise MedtailError("none of these methods can run on these data: see the lines above")
    return kept


def refusals(cells: Sequence[Cell]) -> dict[Cell, str]:
    """Why each of the cells makes no sense; empty where it does."""
    specs = {terms: _spec(terms) for terms in dict.fromkeys(cell.terms for cell in cells)}
    return {
        cell: methods.get(cell.method).refuses(specs[cell.terms])
        or _on_drawn_weights(cell)
        or _on_features(cell)
        for cell in cells
    }


@cache
def _without_seed(cell: Cell) -> str:
    return refusal(cell, prepared(cell.terms))


def _on_drawn_weights(cell: Cell) -> str:
    """Why a row cannot run where networks start from drawn weights; empty where it can."""
    terms = cell.terms
    given = terms.weights or terms.features or terms.pretrained
    if given or not methods.get(cell.method).needs_weights:
        return ""
    return "it looks at a pretrained network: write weights, see docs/suites.md"


def _on_features(cell: Cell) -> str:
    """Why a row cannot run where features stand in for images; empty where it can."""
    if cell.terms.budget.tune != "frozen":
        return ""
    try:
        return _without_seed(cell.model_copy(update={"seed": 0, "terms": cell.terms.table}))
    except DataError:  # as in ``_spec``
        return ""


def _spec(terms: Terms) -> DataSpec:
    try:
        return prepared(terms).spec
    except DataError:  # which is said where the data is needed
        return DataSpec(terms.data, ("", ""), (1, 1), terms.image_size, track=track(terms.data))


def check(cells: Sequence[Cell], console: Console, devices: int = 1) -> float:
    """Prepare every dataset and build every method once; print the training counts.

    Returns:
        GPU memory of the largest training step, MiB; 0 where there is no GPU.

    Raises:
        MedtailError: wrong data, an unknown backbone, optimiser or parameter, a budget too small
            for a method's stages, validation that cannot choose an epoch, or steps too small for
            so many devices.
    """
    for terms in dict.fromkeys(cell.terms for cell in cells):
        if terms.budget.optimizer not in list_optimizers():
            raise unknown("optimizer", terms.budget.optimizer, list_optimizers())
        data = prepared(terms)
        compute(data, lambda line: console.print(line, markup=False, highlight=False))
        pairs = zip(data.spec.class_names, data.spec.class_counts, strict=True)
        counts = ", ".join(f"{name} {count}" for name, count in pairs)
        console.print(f"{terms.name}: train {counts}", markup=False, highlight=False)
        if data.spec.track != "one_class":
            _choosable(terms, data, console)
    tried: set[tuple[object, ...]] = set()
    crowded: set[str] = set()
    left_over: set[str] = set()
    memory = 0.0
    for cell in {(c.row, c.terms.table): c for c in cells}.values():
        data, terms = prepared(cell.terms), cell.terms
        if data.spec.track == "one_class" and cell.terms.selection != "last":
            raise MedtailError(
                f"{cell.terms.data}: a one-class score has no threshold before its end, and no "
                "abnormal label may choose an epoch: write `selection: last`"
            )
        method = supervised.make(cell.method, cell.params, terms, 0, data, left_over.add)
        slug = cell.method
        if data.spec.track == "active" and method.learner:  # which is what is trained
            slug = method.learner
            method = supervised.make(slug, {}, cell.terms, 0, data)
        supervised.allot(method, slug, cell.terms.budget.epochs)
        if terms.budget.layer_decay != 1:
            layers_of(method.backbone)
        crowded |= _crowded(cell, method, data, devices)
        budget = terms.budget
        step = (terms.backbone, data.image_size, data.in_channels, budget.precision, budget.tune)
        sizes = (budget.batch_size, budget.accumulate)
        if (*step, *sizes) not in tried:
            memory = max(memory, try_step(method, terms))
        tried.add((*step, *sizes))
    for line in (*sorted(left_over), *sorted(crowded)):
        console.print(line, markup=False, highlight=False)
    return memory


def _crowded(cell: Cell, method: Method, data: ImageDataModule, devices: int) -> set[str]:
    """Lines on loader workers that shared memory has no room for; raises for too small steps."""
    told = set()
    for stage in method.stages:
        size, parts = cell.terms.budget.batch_size, cell.terms.budget.accumulate
        data.connect(method.request(stage), size, 0, 1, parts=parts)
        try:
            data.train_sampler(0, devices)
        except MedtailError as error:
            raise MedtailError(f"{cell.row} on {cell.terms.data}: {error}") from error
        if data.workers and data.fitting_workers < data.workers:
            told.add(
                f"{cell.terms.data}: /dev/shm is too small for what {data.workers} loader workers "
                "hand over: images are loaded without them, which changes no number"
            )
    return told


def _choosable(terms: Terms, data: ImageDataModule, console: Console) -> None:
    """Say where validation, by which an epoch is chosen, has one class alone; refuse an AUC."""
    present = np.unique(data.target[data.rows("val")])
    if terms.selection == "last" or len(present) > 1 or data.spec.track == "few_shot":
        return
    alone = f"{terms.name}: the validation split has images of one class only"
    if terms.selection == "best_macro_auc":
        raise MedtailError(
            f"{alone}, of which there is no AUC: write `selection: last`, or mend the split"
        )
    name = data.spec.class_names[present[0]]
    console.print(
        f"{alone}: the epoch is chosen by the recall of {name}, and no AUC is defined there",
        markup=False,
        highlight=False,
    )
