"""A file of scores as it stands: CSV or Parquet, columns by name or without a header."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medtail.datamodules.core.errors import MedtailError


@dataclass(frozen=True)
class Sheet:
    """Columns of a file.

    Attributes:
        path: of the file.
        head: names of the columns; None for a CSV whose first line is numbers already.
        columns: their values; of a CSV as text.
    """

    path: Path
    head: list[str] | None
    columns: list[list[Any]]


def read(path: Path) -> Sheet:
    """A file with a row and two columns at least.

    Raises:
        MedtailError: it cannot be read, or is smaller.
    """
    sheet = _parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _csv(path)
    if len(sheet.columns) < 2:
        raise MedtailError(f"{path}: fewer than two columns: write sample ids and scores")
    if not sheet.columns[0]:
        raise MedtailError(f"{path}: no row of scores")
    return sheet


def _parquet(path: Path) -> Sheet:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, "Parquet", error) from error
    return Sheet(path, table.column_names, [column.to_pylist() for column in table.columns])


def _csv(path: Path) -> Sheet:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [
                (reader.line_num, [cell.strip() for cell in line])
                for line in reader
                if any(cell.strip() for cell in line)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, "CSV in UTF-8", error) from error
    if not lines:
        raise MedtailError(f"{path}: the file is empty")
    first = lines[0][1]
    for number, line in lines:
        if len(line) != len(first):
            raise MedtailError(
                f"{path}, line {number}: {len(line)} cells, the first line has {len(first)}"
            )
    headless = first[0].isdecimal() and all(map(_is_number, first))
    cells = [line for _, line in lines[0 if headless else 1 :]]
    columns = [[line[i] for line in cells] for i in range(len(first))]
    return Sheet(path, None if headless else first, columns)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _unreadable(path: Path, kind: str, error: Exception) -> MedtailError:
    reason = " ".join(str(error).split())
    return MedtailError(f"{path}: no readable {kind} ({reason})")
