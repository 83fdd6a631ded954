"""Results that are there, but of other data or code than here and now: what is said of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ..grid.cell import Cell
from ..tracks.code import shared_digest
from .store import Store

VERSIONS = (
    "rows of two versions of the pixels do not share a table: run all rows on yours, or hold your "
    "predictions against theirs by `medtail score`, which needs ids and truth only"
)


def reasons(store: Store, cells: Sequence[Cell]) -> Iterator[str]:
    """One line per reason for which cells with a result run again."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        if why := store.changed(cell):
            found[why].append(cell)
    for why, mine in found.items():
        more = f" and {len(mine) - 1} more" if len(mine) > 1 else ""
        yield f"runs again: {mine[0]}{more}: {why}"
    if any("pixels" in why for why in found):
        yield VERSIONS


def older(store: Store, cells: Sequence[Cell]) -> list[Cell]:
    """Cells that are done, by shared code that has changed since."""
    found = []
    for cell in cells:
        record = store.read(cell) if store.done(cell) else None
        if record and record.content and record.content.shared != shared_digest():
            found.append(cell)
    return found


def of_older(store: Store, cells: Sequence[Cell]) -> str:
    """What is said of them: how many, and of which commits."""
    origins = {r.provenance.commit for c in cells if (r := store.read(c)) and r.provenance}
    commits = ", ".join(sorted(filter(None, origins))) or "no commit"
    return (
        f"the code that all methods share has changed since {len(cells)} of these cells ran "
        f"({commits}): they stand as they are; --refresh runs them again"
    )
