"""Predictions of a board's cells, in files that are not written again once they are large.

``<data@regime>.parquet``, then ``<data@regime>.2.parquet`` and so on. A repository keeps every
version of a file: so a part of ``SEALED`` bytes stays as it is, and what is published later costs
no more than itself. Of a cell that stands in two parts the later one counts.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from medtail.datamodules.core.errors import MedtailError, first_line
from medtail.datamodules.core.writing import whole

from .predictions import EXTRA, UNREADABLE, Predictions

SEALED = 2**20
Cells = dict[str, Predictions]


def files(folder: Path, slug: str) -> list[Path]:
    """The parts of a board that are there, the first one first."""
    found = [*folder.glob(f"{slug}.parquet"), *folder.glob(f"{slug}.*.parquet")]
    return sorted((path for path in found if _number(path)), key=_number)


def _number(path: Path) -> int:
    """1 of the first part; 0 of a file that is none."""
    found = re.fullmatch(r"[^.]+(?:\.([1-9]\d*))?\.parquet", path.name)
    return int(found[1] or 1) if found else 0


def read(folder: Path, slug: str) -> Cells:
    """Predictions by cell id; none of a board without files.

    Raises:
        MedtailError: a file is damaged.
    """
    found: Cells = {}
    for path in files(folder, slug):
        found |= _read(path)
    return found


def write(folder: Path, slug: str, cells: Mapping[str, Predictions]) -> None:
    """Have the files say this and no more; a large one is left alone if all its cells are known."""
    known = files(folder, slug)
    sealed: Cells = {}
    last, small = 0, []
    for path in known:
        stored = _read(path)
        if path.stat().st_size >= SEALED and stored.keys() <= cells.keys():
            sealed |= stored
            last = _number(path)
        else:
            small.append(path)
    rest = {
        cell: mine
        for cell, mine in cells.items()
        if cell not in sealed or sealed[cell].digest != mine.digest
    }
    if rest:
        # Above all that stay, as the later part counts.
        number = max([last + 1, *map(_number, small)])
        path = folder / (f"{slug}.{number}.parquet" if number > 1 else f"{slug}.parquet")
        _write(path, rest)
        small = [one for one in small if one != path]
    for path in small:
        path.unlink()


def _read(path: Path) -> Cells:
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


def _write(path: Path, cells: Cells) -> None:
    """Cells in one file, the ids they share stored once.

    Cells of several numbers of classes may share it (tables of one's own under one name). The old
    file stays where the new one does not read as what it is made from.
    """
    tables = [
        cells[cell].table().add_column(0, "cell_id", pa.array([cell] * len(cells[cell].id)))
        for cell in sorted(cells)
    ]
    if len({mine.logits.shape[1] for mine in cells.values()}) > 1:
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
        found = _read(part)
        for cell, mine in cells.items():
            mine.same(found.get(cell), path)


def _of_any_width(table: pa.Table) -> pa.Table:
    """The table with plain lists: Arrow cannot join fixed ones of several lengths."""
    place = table.schema.get_field_index("logits")
    return table.set_column(place, "logits", table["logits"].cast(pa.list_(pa.float16())))
