"""What can be wrong with cells is found before any of them is trained."""

from collections.abc import Sequence

from rich.console import Console
from timm.optim import list_optimizers

from datamodules.core.errors import unknown

from .cell import Cell
from .run import prepared
from .tracks import supervised


def check(cells: Sequence[Cell], console: Console) -> None:
    """Prepare every dataset and build every method once; print the training counts.

    Raises:
        MedtailError: wrong data, an unknown backbone, optimiser or parameter, a budget too small
            for a method's stages.
    """
    for terms in dict.fromkeys(cell.terms for cell in cells):
        if terms.budget.optimizer not in list_optimizers():
            raise unknown("optimizer", terms.budget.optimizer, list_optimizers())
        data = prepared(terms)
        pairs = zip(data.spec.class_names, data.spec.class_counts, strict=True)
        counts = ", ".join(f"{name} {count}" for name, count in pairs)
        console.print(f"{terms.data}: train {counts}", highlight=False)
    for cell in {(c.row, c.terms): c for c in cells}.values():
        data = prepared(cell.terms)
        method = supervised.make(cell.method, cell.params, cell.terms, 0, data)
        supervised.allot(method, cell.method, cell.terms.budget.epochs)
