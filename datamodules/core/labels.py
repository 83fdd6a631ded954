"""Reading the label files of datasets: CSV rows by id, one-hot tables."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .pixels.folders import IMAGE_SUFFIXES

SEPARATORS = ",;\t"


class Row(dict[str, str]):
    """A row of a table by column, and ``where`` it stands, in words, for messages.

    Attributes:
        at: file, what its rows are called, and the row's number.
    """

    __slots__ = ("at",)
    at: tuple[Path, str, int]  # set by who reads: a constructor would double the time of reading

    @property
    def where(self) -> str:
        """Such as ``labels.csv, line 3``."""
        return "{}, {} {}".format(*self.at)


def read_rows(path: Path, *columns: Iterable[str]) -> list[Row]:
    """Rows of a table with a header, separated by commas, semicolons or tabs as its header is.

    Args:
        path: of the table.
        columns: that it must have; or several sets of them, of which one is enough.

    Raises:
        DataError: the file is no text, has no row, a column is missing or stands twice, or a row
            has too few or too many columns.
    """
    rows = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            first = lines.readline()
            lines.seek(0)
            reader = csv.reader(lines, delimiter=max(SEPARATORS, key=first.count))
            header = [name.strip() for name in next(reader, [])]
            if twice := [name for name in header if name and header.count(name) > 1]:
                raise DataError(f"{path}: column '{twice[0]}' stands twice: rename one")
            lacks = [[c for c in needed if c not in header] for needed in columns]
            if absent := min(lacks, key=len, default=[]):
                raise DataError(
                    f"{path}: no column '{absent[0]}' (there are {', '.join(header) or 'none'}): "
                    "is it the right file?"
                )
            width = len(header)
            for values in reader:
                if not values:  # an empty line
                    continue
                row = Row(zip(header, values, strict=False))
                row.at = (path, "line", reader.line_num)
                if len(values) < width:
                    raise DataError(f"{row.where}: too few columns: is the file cut off?")
                # Empty columns beyond the header are what spreadsheets leave.
                if any(rest := values[width:]):
                    raise DataError(f"{row.where}: too many columns: {', '.join(rest)}")
                rows.append(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: {error}") from error
    if not rows:
        raise DataError(f"{path}: no row below the header")
    return rows


def by_id(
    rows: Iterable[Row], column: str, name: Callable[[str], str] = str.strip
) -> dict[str, Row]:
    """Each row by its id, in order.

    Args:
        rows: of one file, or of several that list different images.
        column: that holds the id.
        name: value of ``column`` -> id.

    Raises:
        DataError: an id is empty, or stands twice.
    """
    found: dict[str, Row] = {}
    for row in rows:
        key = name(row[column])
        if not key:
            raise DataError(f"{row.where}: empty {column}")
        if (first := found.setdefault(key, row)) is not row:
            raise DataError(f"{row.where}: '{key}' stands already in {first.where}: keep one")
    return found


def one_hot(rows: Iterable[Row], classes: Sequence[str]) -> list[str]:
    """Class of each row, whose columns ``classes`` hold one 1 and else 0.

    Raises:
        DataError: a row has no number, or not exactly one 1.
    """
    found = []
    for row in rows:
        try:
            numbers = [float(row[c]) for c in classes]
        except (TypeError, ValueError):
            numbers = []
        if numbers.count(1) != 1 or sum(numbers) != 1:
            raise DataError(f"{row.where}: not exactly one of {', '.join(classes)} is 1")
        found.append(classes[numbers.index(1)])
    return found


def class_indices(
    where: str, ids: Sequence[str], labels: Sequence[str], classes: Sequence[str]
) -> NDArray[np.int64]:
    """[N] places of ``labels`` in ``classes``; raises ``DataError`` for a label that is none."""
    place = {name: c for c, name in enumerate(classes)}
    for name, label in zip(ids, labels, strict=True):
        if label not in place:
            raise DataError(
                f"{where}: label '{label}' of '{name}' is out of range: one of {', '.join(classes)}"
            )
    return np.array([place[label] for label in labels], np.int64)


def id_of(name: str) -> str:
    """An image's id in a label file, which may be written as a path or with an image's ending."""
    base = name.strip().rpartition("/")[2]
    stem, _, ending = base.rpartition(".")
    return stem if stem and f".{ending.lower()}" in IMAGE_SUFFIXES else base


def agree(first: Path, a: Mapping[str, str], second: Path, b: Mapping[str, str]) -> None:
    """Raise ``DataError`` where two files do not name the same ids or say otherwise of one."""
    odd = sorted(a.keys() ^ b.keys())
    if odd:
        only = first if odd[0] in a else second
        raise DataError(
            f"{first} and {second} do not list the same images: {len(odd)} stand in one of them "
            f"only (the first is '{odd[0]}', in {only.name}): take both from the same release"
        )
    unlike = [name for name in sorted(a) if a[name] != b[name]]
    if unlike:
        raise DataError(
            f"{first} and {second} disagree on {len(unlike)} images (the first is '{unlike[0]}': "
            f"{a[unlike[0]]} or {b[unlike[0]]}): take both from the same release"
        )
