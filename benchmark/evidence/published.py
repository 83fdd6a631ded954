"""Published evidence: the records and predictions of a folder of leaderboards.

``records/<data@regime>.jsonl`` has a line per cell, ``predictions/<data@regime>.parquet`` what its
numbers were computed from on the test split, and ``validation/`` the same of the validation split,
where a track has one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from medtail.datamodules.core.errors import MedtailError, first_line
from medtail.datamodules.core.writing import whole

from ..grid.cell import Cell
from .lock import locked
from .predictions import EXTRA, UNREADABLE, Predictions
from .record import Record, read_lines, text_of, write_lines

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
        MedtailError: the file is damaged.
    """
    path = root / part / f"{slug}.parquet"
    return _read_cells(path) if path.exists() else {}


def _read_cells(path: Path) -> dict[str, Predictions]:
    try:
        stored = pq.read_table(path)
        if stored["cell_id"].null_count:
            raise ValueError("rows of no cell")
        cells = stored["cell_id"].combine_chunks().dictionary_encode()
        number = cells.indices.to_numpy(zero_copy_only=False)
        # Each cell's rows together, in their order.
        stored = stored.take(np.argsort(number, kind="stable"))
        names, lengths = cells.dictionary.to_pylist(), np.bincount(number)
        starts = np.cumsum(lengths) - lengths
        parts = {
            name: stored.slice(start, length)
            for name, start, length in zip(names, starts, lengths, strict=True)
        }
        return {
            cell: Predictions.from_table(
                part.select([name for name in part.column_names if not part[name].null_count])
            )
            for cell, part in parts.items()
        }
    except (*UNREADABLE, pa.ArrowException) as error:
        why = first_line(error)
        raise MedtailError(f"{path}: no readable predictions ({why}); restore it") from error


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
        _write_predictions(root / part / f"{slug}.parquet", kept)
    write_lines(path, list(records.values()))


def _fits(predictions: Predictions, record: Record | None, part: str) -> bool:
    """Whether a record that still stands was computed from these."""
    if record is None or record.status != "ok":
        return False
    if part == VALIDATION:
        return record.validation == predictions.digest
    return record.predictions in ("", predictions.digest)


def _write_predictions(path: Path, scores: dict[str, Predictions]) -> None:
    """All cells of a board in one file, the ids they share stored once.

    Cells of several numbers of classes may share it (tables of one's own under one name). The old
    file stays where the new one does not read as what it is made from.
    """
    if not scores:
        path.unlink(missing_ok=True)
        return
    tables = [
        scores[cell].table().add_column(0, "cell_id", pa.array([cell] * len(scores[cell].id)))
        for cell in sorted(scores)
    ]
    if len({scores[cell].logits.shape[1] for cell in scores}) > 1:
        tables = [_of_any_width(table) for table in tables]
    together = pa.concat_tables(tables, promote_options="default")  # not all may have episodes
    # Splitting the bytes of a float16 puts the exponents side by side, which then compress; pages
    # of many cells let their common ids be compressed to next to nothing.
    with whole(path) as part:
        pq.write_table(
            together,
            part,
            compression="zstd",
            compression_level=9,
            use_dictionary=["cell_id", "id", "group", "target", *EXTRA],
            max_rows_per_page=len(together),
            column_encoding={"logits.list.element": "BYTE_STREAM_SPLIT"},
        )
        found = _read_cells(part)
        for cell, mine in scores.items():
            mine.same(found.get(cell), path)


def _of_any_width(table: pa.Table) -> pa.Table:
    """The table with plain lists: Arrow cannot join fixed ones of several lengths."""
    place = table.schema.get_field_index("logits")
    return table.set_column(place, "logits", table["logits"].cast(pa.list_(pa.float16())))


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
