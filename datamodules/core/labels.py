"""Reading the label files of published datasets: CSV rows, one-hot tables, images found by name."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import DataError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")


def read_rows(path: Path, columns: Iterable[str], delimiter: str = ",") -> list[dict[str, str]]:
    """Rows of a CSV file with a header.

    Raises:
        DataError: the file is no text, has no row, or a column of ``columns`` is missing.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines, delimiter=delimiter)
            rows = list(reader)
            header = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: {error}") from error
    absent = [c for c in columns if c not in header]
    if absent:
        raise DataError(
            f"{path}: no column '{absent[0]}' (there are {', '.join(header) or 'none'}): "
            "is it the right file?"
        )
    if not rows:
        raise DataError(f"{path}: no row below the header")
    return rows


def one_hot(path: Path, rows: Sequence[Mapping[str, str]], classes: Sequence[str]) -> list[str]:
    """Class of each row, whose columns ``classes`` hold one 1 and else 0.

    Raises:
        DataError: a row has no number, or not exactly one 1.
    """
    found = []
    for line, row in enumerate(rows, 2):
        try:
            hot = [c for c in classes if float(row[c]) == 1]
            total = sum(float(row[c]) for c in classes)
        except (TypeError, ValueError):
            hot, total = [], 0.0
        if len(hot) != 1 or total != 1:
            raise DataError(f"{path}, line {line}: not exactly one of {', '.join(classes)} is 1")
        found.append(hot[0])
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


def images_below(folders: Iterable[Path]) -> dict[str, Path]:
    """Image files anywhere below ``folders`` by name without suffix; the first found wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                found.setdefault(path.stem, path)
    return found


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
