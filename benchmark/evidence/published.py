"""Published evidence: the records and predictions of a folder of leaderboards.

``records/<data@regime>.jsonl`` has a line per cell, ``predictions/<data@regime>.parquet`` and its
further ``parts`` what its numbers were computed from on the test split, and ``validation/`` the
same of the validation split, where a track has one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from medtail import __version__
from medtail.datamodules.core.errors import MedtailError

from ..grid.cell import Cell
from . import parts
from .lock import locked
from .predictions import Predictions
from .record import Record, read_lines, text_of, write_lines
from .shipped import SHIPPED

TEST, VALIDATION = "predictions", "validation"


def publish(
    root: Path,
    finished: Sequence[tuple[Record, Predictions | None]],
    validation: Mapping[str, Predictions] = {},
) -> list[str]:
    """Merge results into a folder of leaderboards; a failure never replaces a success.

    Two processes may publish into one folder: each waits for the other, see ``lock``.

    Args:
        root: the folder.
        finished: records with their test predictions, which a finished one should have.
        validation: predictions of the validation split by cell id, of those that have them.

    Returns:
        The ``data@regime`` names touched.

    Raises:
        MedtailError: predictions that are not those a record was computed from, or what could not
            be read back: nothing is then replaced.
    """
    by_slug: dict[str, list[tuple[Record, Predictions | None]]] = defaultdict(list)
    for record, predictions in finished:
        if predictions is not None and record.predictions not in ("", predictions.digest):
            raise MedtailError(
                f"{record.cell}: the record was computed from predictions {record.predictions}, "
                f"not from these ({predictions.digest}); score or run the cell again"
            )
        text_of(record)  # before anything is written
        by_slug[record.cell.terms.data].append((record, predictions))
    with locked(root):
        for slug, entries in by_slug.items():
            _merge(root, slug, entries, validation)
    return sorted(by_slug)


def read_predictions(root: Path, slug: str, part: str = TEST) -> dict[str, Predictions]:
    """The published predictions of a ``data@regime`` by cell id; an absent file has none.

    Args:
        root: the folder.
        slug: name with regime.
        part: ``predictions`` of the test, or those of ``validation``.

    Raises:
        MedtailError: the file is damaged, or predictions of the boards that come with medtail are
            asked for where they were not installed.
    """
    if root.resolve() == SHIPPED.resolve() and not (root / part).is_dir():
        raise MedtailError(
            f"{slug}: the predictions behind the boards that come with medtail are not installed: "
            f"install the wheel medtail-evidence, version {__version__}, which `make wheel` builds "
            "beside medtail's own"
        )
    return parts.read(root / part, slug)


def _merge(
    root: Path,
    slug: str,
    entries: list[tuple[Record, Predictions | None]],
    validation: Mapping[str, Predictions],
) -> None:
    path = root / "records" / f"{slug}.jsonl"
    records = {r.cell_id: r for r in read_lines(path)}
    scores, held = (read_predictions(root, slug, part) for part in (TEST, VALIDATION))
    for record, predictions in entries:
        old = records.get(record.cell_id)
        if record.status == "ok" or old is None or old.status == "failed":
            records[record.cell_id] = record
        if record.status == "ok" and predictions is not None:
            scores[record.cell_id] = predictions
            if record.cell_id in validation:
                held[record.cell_id] = validation[record.cell_id]
    for part, known in ((TEST, scores), (VALIDATION, held)):
        kept = {i: p for i, p in known.items() if _fits(p, records.get(i), part)}
        parts.write(root / part, slug, kept)
    write_lines(path, list(records.values()))


def _fits(predictions: Predictions, record: Record | None, part: str) -> bool:
    """Whether a record that still stands was computed from these."""
    if record is None or record.status != "ok":
        return False
    if part == VALIDATION:
        return record.validation == predictions.digest
    return record.predictions in ("", predictions.digest)


class Published:
    """Evidence of a folder of leaderboards, read board by board.

    Args:
        root: the folder; None for none.
    """

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self._records: dict[str, dict[str, Record]] = {}
        self._predictions: dict[tuple[str, str], dict[str, Predictions]] = {}

    def record(self, cell: Cell) -> Record | None:
        """The cell's record; None where it has none."""
        data = cell.terms.data
        if self.root and data not in self._records:
            known = read_lines(self.root / "records" / f"{data}.jsonl")
            self._records[data] = {record.cell_id: record for record in known}
        return self._records.get(data, {}).get(cell.id)

    def predictions(self, cell: Cell, part: str = TEST) -> Predictions | None:
        """Those that the cell's record was computed from; None where they are not there."""
        key = cell.terms.data, part
        if self.root and key not in self._predictions:
            self._predictions[key] = read_predictions(self.root, *key)
        return self._predictions.get(key, {}).get(cell.id)
