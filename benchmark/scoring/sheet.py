"""A file of scores as it stands: CSV or Parquet, its cells as text."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from medtail.datamodules.core.errors import MedtailError


@dataclass(frozen=True)
class Sheet:
    """Columns of a file.

    Attributes:
        path: of the file.
        head: names of the columns; None for a CSV whose first line is a sample already.
        columns: their values as text; numbers with the digits that the file gives them.
    """

    path: Path
    head: list[str] | None
    columns: list[list[str]]


def read(path: Path, known: Callable[[str], bool] = lambda _: False) -> Sheet:
    """A file with a row and two columns at least.

    Args:
        path: CSV (by commas, semicolons or tabs), or Parquet by its suffix.
        known: whether a text is the id of a sample: a first line with one is no header.

    Raises:
        MedtailError: it cannot be read, or is smaller.
    """
    parquet = path.suffix.lower() in (".parquet", ".pq")
    sheet = _parquet(path) if parquet else _csv(path, known)
    if len(sheet.columns) < 2:
        raise MedtailError(f"{path}: fewer than two columns: write sample ids and scores")
    if not sheet.columns[0]:
        raise MedtailError(f"{path}: no row of scores")
    return sheet


def _parquet(path: Path) -> Sheet:
    try:
        table = pq.read_table(path)
        table.validate(full=True)  # text that is no UTF-8 is found here
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, "Parquet", error) from error
    columns = [_texts(column) for column in table.columns]
    return Sheet(path, [str(name).strip() for name in table.column_names], columns)


def _texts(column: pa.ChunkedArray) -> list[str]:
    """Values as text: a float with the digits that tell it from its neighbours of its own width."""
    narrow = {pa.float16(): np.float16, pa.float32(): np.float32}.get(column.type)
    values = column.to_pylist()
    return ["" if v is None else str(narrow(v) if narrow else v).strip() for v in values]


def _csv(path: Path, known: Callable[[str], bool]) -> Sheet:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            delimiter = max(",;\t", key=first.count)
            reader = csv.reader(file, delimiter=delimiter)
            lines = [
                (reader.line_num, [cell.strip() for cell in line])
                for line in reader
                if any(cell.strip() for cell in line)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, "CSV in UTF-8", error) from error
    if not lines:
        raise MedtailError(f"{path}: the file is empty")
    width = len(lines[0][1])
    for number, line in lines:
        if len(line) != width:
            raise MedtailError(
                f"{path}, line {number}: {len(line)} cells, the first line has {width}"
            )
    cells = [line for _, line in lines]
    named = not all(is_number(cell) or known(cell) for cell in cells[0])
    counted = len(cells) > 1 and _is_counted(*cells[:2])
    body = cells[named or counted :]
    columns = [[line[i] for line in body] for i in range(width)]
    return Sheet(path, cells[0] if named else None, columns)


def _is_counted(first: list[str], second: list[str]) -> bool:
    """Whether the first line counts columns as pandas does where they have no names."""
    return first == [str(k) for k in range(len(first))] and not all(map(is_number, second))


def is_number(text: str) -> bool:
    """Whether Python reads a text as a number; NaN and infinity are some."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _unreadable(path: Path, kind: str, error: Exception) -> MedtailError:
    reason = " ".join(str(error).split())
    return MedtailError(f"{path}: no readable {kind} ({reason})")
