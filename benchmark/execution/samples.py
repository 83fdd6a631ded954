"""What the data of published cells says of its samples, kept beside their predictions."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from medtail import datamodules
from medtail.datamodules.core.errors import DataError, first_line
from medtail.datamodules.core.names import DataName

from ..boards.columns import track
from ..evidence import samples
from ..evidence.predictions import Predictions
from ..evidence.record import Record
from ..evidence.samples import Samples
from ..grid.cell import Terms


def keep(root: Path, finished: Sequence[tuple[Record, Predictions | None]]) -> list[str]:
    """Write what is known of the test samples of long-tail cells; lines on what came of it.

    Args:
        root: folder of leaderboards.
        finished: records with their test predictions.
    """
    ids: dict[str, set[str]] = defaultdict(set)
    terms: dict[str, Terms] = {}
    for record, predictions in finished:
        if predictions is not None and track(record.cell.terms.data) == "long_tail":
            source = DataName.parse(record.cell.terms.data).source
            ids[source] |= set(predictions.id.tolist())
            terms[source] = record.cell.terms
    told = []
    for source, wanted in ids.items():
        try:
            found = _known(terms[source], wanted)
        except DataError as error:  # the data lies elsewhere, or is another one by now
            why = getattr(error, "why", "") or first_line(error)
            told.append(
                f"samples of {source}: ages, sexes, sites and critical classes stay as {root} has "
                f"them: {why}"
            )
            continue
        if samples.keep(root, source, found):
            said = ", ".join([*found.traits, *(["critical classes"] if found.critical else [])])
            told.append(f"samples of {source}: {said or 'nothing'} for medtail decisions")
    return told


def _known(terms: Terms, wanted: set[str]) -> Samples:
    """Of the samples that are wanted."""
    module = datamodules.build(terms.data, terms.image_size, **terms.arguments)
    module.table = module.load_table()
    known = module.subgroups()
    ids = module.table.id.tolist()
    rows = [n for n, i in enumerate(ids) if i in wanted] if known else []
    return Samples(
        tuple(ids[n] for n in rows),
        {trait: tuple(values[n] for n in rows) for trait, values in known.items()},
        module.critical,
    )
