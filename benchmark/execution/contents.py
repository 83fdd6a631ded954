"""What a result would be computed from here and now, and whether a kept one still is."""

from functools import cache
from typing import Any

from medtail import datamodules
from medtail.datamodules.core.content import Content as DataContent
from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.nesting import nest

from ..evidence.record import Content, Record
from ..grid.cell import Cell, Terms
from ..tracks import code


def of(cell: Cell, data: DataContent) -> Content:
    """The content of a cell on some data."""
    several = cell.terms.draws > 1
    drawn: Any = {"samples": data.samples, "test_share": data.test_share} if several else {}
    return Content(
        data=data.data,
        pixels=data.pixels,
        method=code.method_digest(cell.method, cell.params),
        shared=code.shared_digest(),
        recipe=data.recipe,
        **drawn,
    )


@cache
def _here(terms: Terms) -> DataContent | None:
    """That of the data as it lies here; None where it was not decoded when first asked."""
    try:
        module = datamodules.build(terms.data, terms.image_size, **terms.arguments)
        if not module.decoded:
            return None
        module.prepare()
        if terms.inner_fold:
            nest(module, terms.inner_folds, terms.inner_fold)
    except DataError:  # which is said where the data is needed
        return None
    return module.content


def now(cell: Cell) -> Content | None:
    """The content of a cell as its data lies here; None where that cannot be told.

    Reads labels, but no image: data that was never decoded here is not known.
    """
    found = _here(cell.terms)
    return of(cell, found) if found else None


def changed(record: Record, cell: Cell) -> str:
    """What of a result's content is otherwise now, in words; empty where it still stands.

    Args:
        record: of success.
        cell: the same cell, as it is asked for here.
    """
    old = record.content
    if old is None:
        return "its record does not say which data and code it was computed from"
    found = now(cell)
    if found is None:
        return ""
    words = {
        "data": "labels, groups or splits changed",
        "pixels": f"the pixels are another version ({old.recipe}; now {found.recipe})",
        "method": f"the code of {record.cell.method} changed",
    }
    told = [text for name, text in words.items() if getattr(old, name) != getattr(found, name)]
    return ", ".join(told)
