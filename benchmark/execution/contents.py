"""What a result would be computed from here and now, and whether a kept one still is."""

from medtail import datamodules
from medtail.datamodules.core.content import Content as DataContent
from medtail.datamodules.core.errors import DataError

from ..evidence.record import Content, Record
from ..grid.cell import Cell, Terms
from ..tracks import code


def of(cell: Cell, data: DataContent) -> Content:
    """The content of a cell on some data."""
    return Content(
        data=data.data,
        pixels=data.pixels,
        method=code.method_digest(cell.method, cell.params),
        shared=code.shared_digest(),
        recipe=data.recipe,
    )


_known: dict[Terms, DataContent] = {}


def _here(terms: Terms) -> DataContent | None:
    """That of the data as it lies here, where it is decoded; kept for the process's life."""
    if terms not in _known:
        try:
            module = datamodules.build(terms.data, terms.image_size, **terms.arguments)
            if not module.decoded:
                return None
            module.prepare()
        except DataError:  # which is said where the data is needed
            return None
        _known[terms] = module.content
    return _known[terms]


def now(cell: Cell) -> Content | None:
    """The content of a cell as its data lies here; None where that cannot be told.

    Reads labels, but no image: data that was never decoded here is not known.
    """
    found = _here(cell.terms)
    return of(cell, found) if found else None


def changed(record: Record, now: Content | None) -> str:
    """What of a result's content is otherwise now, in words; empty where it still stands."""
    old = record.content
    if old is None:
        return "its record does not say which data and code it was computed from"
    if now is None:
        return ""
    words = {
        "data": "labels, groups or splits changed",
        "pixels": f"the pixels are another version ({old.recipe}; now {now.recipe})",
        "method": f"the code of {record.cell.method} changed",
    }
    told = [text for name, text in words.items() if getattr(old, name) != getattr(now, name)]
    return ", ".join(told)
