"""A file of one's own as a table of text: CSV, Parquet, an npz archive, or a folder per class."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, first_line
from ..labels import Row, read_rows
from ..pixels.folders import image_files
from ..pixels.npz import load_arrays, shapes
from .splits import MEANINGS, meaning

TABLES, PARQUETS = (".csv", ".tsv", ".txt", ".tab"), (".parquet", ".pq")
Keys = str | Mapping[str, str]  # of an array, or of one for each split
COUNT = "number"  # of an image in an archive
EACH = "{split}"  # in the name of an array, for those of all splits
WORDS = "|".join(sorted(MEANINGS, key=len, reverse=True))
SPLIT = re.compile(rf"(?<![A-Za-z])({WORDS})(?![A-Za-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Sheet:
    """Rows of text, one for each image.

    Attributes:
        kind: ``table``, ``archive`` or ``folder``.
        rows: each with a value for every column.
        lists: columns of the file whose values are lists.
        arrays: of an archive: the arrays that hold the images of the rows, one after another.
        told: what else the card should say.
    """

    kind: str
    rows: list[Row]
    lists: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    told: str = ""
    _known: dict[str, list[str]] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Their names, without those that have none, and without an archive's count."""
        return [name for name in self.rows[0] if name and not (self.arrays and name == COUNT)]

    def __getitem__(self, column: str) -> list[str]:
        """The values of a column, without spaces around them."""
        if column not in self._known:
            self._known[column] = [row[column].strip() for row in self.rows]
        return self._known[column]


def read_parquet(path: Path) -> Sheet:
    """Rows of a Parquet file, every value as text; empty where there is none.

    Raises:
        DataError: it cannot be read, or has no row.
    """
    import pyarrow as pa
    from pyarrow import parquet as pq

    try:
        table = pq.read_table(path)
        table.validate(full=True)  # text that is no UTF-8 is found here
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: {first_line(error)}") from error
    if not len(table):
        raise DataError(f"{path}: no row")
    nested = tuple(f.name for f in table.schema if pa.types.is_nested(f.type))
    binary = [f.name for f in table.schema if "binary" in str(f.type)]
    kept = table.select([n for n in table.column_names if n not in (*nested, *binary)])
    rows = []
    for number, values in enumerate(kept.to_pylist(), 1):
        row = Row({k.strip(): _text(v) for k, v in values.items()})
        row.at = (path, "row", number)
        rows.append(row)
    return Sheet("table", rows, nested)


def read_folder(path: Path) -> Sheet:
    """Images in a folder per class, perhaps below folders of the splits.

    Columns: ``image`` (path in the folder), ``label``, ``split`` where the uppermost folders are
    splits, and ``folder`` where there are folders within those of the classes.

    Raises:
        DataError: there is no image, one in no class's folder, or but one class beside a table.
    """
    listing = image_files(path)
    places = [image.relative_to(path).parts for image in listing.images]
    if not places:
        raise DataError(f"{path}: no image in it")
    tops = {parts[0] for parts in places if len(parts) > 1}
    parted = len({meaning(top) for top in tops}) > 1 and all(map(meaning, tops))
    depth = 2 + parted
    if lost := next((parts for parts in places if len(parts) < depth), None):
        raise DataError(
            f"{path}: {'/'.join(lost)} lies in no class's folder: put the images of each class "
            "into a folder with its name, or give a table"
        )
    deeper, rows = any(len(parts) > depth for parts in places), []
    for number, parts in enumerate(places, 1):
        row = Row({"image": "/".join(parts), "label": parts[depth - 2]})
        if parted:
            row["split"] = meaning(parts[0])
        if deeper:
            row["folder"] = "/".join(parts[depth - 2 : -1])
        row.at = (path, "image", number)
        rows.append(row)
    tables = sorted(p for p in path.iterdir() if p.suffix.casefold() in (*TABLES, *PARQUETS))
    if tables and len({row["label"] for row in rows}) == 1:
        raise DataError(
            f"{path}: all its images lie in one folder, '{rows[0]['label']}', which would be their "
            f"class: if a table has their labels, give that: {' or '.join(map(str, tables))}"
        )
    return Sheet("folder", rows, told=listing.told)


def read_archive(path: Path, keys: Mapping[str, Keys]) -> Sheet:
    """Rows of an npz: one for each image, a column for each array that has a value for each.

    Arrays of several splits, such as ``x_train`` and ``x_test``, are one column, ``x_{split}``.

    Args:
        path: of the archive.
        keys: the arrays of ``image``, ``label`` and others by what they are; ``x_{split}`` stands
            for those of the splits, as does a mapping of ``train``, ``val`` and ``test``.

    Raises:
        DataError: it cannot be read, an array is absent or not as long as the images.
    """
    known = shapes(path)
    images = parts_of(path, keys["image"], known)
    for name in images.values():
        if len(known[name]) not in (3, 4):
            raise DataError(
                f"{path}: '{name}' has the shape {list(known[name])}: no images [N, ...]"
            )
    columns = {said: parts_of(path, said, known) for said in _names(known)}
    columns |= {n: parts_of(path, k, known) for n, k in keys.items() if not isinstance(k, str)}
    lengths = {part: known[name][0] for part, name in images.items()}
    flat = {
        said: parts
        for said, parts in columns.items()
        if {part: known[name][:1] for part, name in parts.items()}
        == {part: (length,) for part, length in lengths.items()}
        and all(len(known[name]) < 3 for name in parts.values())
    }
    arrays = load_arrays(path, tuple(name for parts in flat.values() for name in parts.values()))
    rows, lists = [], set()
    for part, length in lengths.items():
        texts = {}
        for said, parts in flat.items():
            texts[said], several = _column(path, parts[part], arrays[parts[part]])
            lists |= {said} if several else set()
        for number in range(length):
            row = Row({said: values[number] for said, values in texts.items()})
            row[COUNT] = f"{part}_{number}" if part else str(number)
            if part:
                row["split"] = part
            row.at = (path, f"{part} image".strip(), number)
            rows.append(row)
    return Sheet("archive", rows, tuple(sorted(lists)), tuple(images.values()))


def parts_of(path: Path, key: Keys, known: Mapping[str, Any]) -> dict[str, str]:
    """The arrays that a key stands for, by split; by "" where it is one array.

    Raises:
        DataError: there is none.
    """
    if isinstance(key, str) and key in known:
        return {"": key}
    if isinstance(key, str):
        found: dict[str, str] = {}
        for name in known:
            if EACH in key and (word := SPLIT.search(name)) and _pattern(name) == key:
                found[meaning(word[0])] = name
    else:
        found = {part: name for part, name in key.items() if name in known}
        if len(found) < len(key):
            found = {}
    if not found:
        raise DataError(f"{path}: no array '{key}' (there are {', '.join(known)})")
    return {part: found[part] for part in ("train", "val", "test") if part in found}


def _pattern(name: str) -> str:
    return SPLIT.sub(EACH, name, count=1)


def _names(known: Mapping[str, Any]) -> list[str]:
    """Names of columns: of arrays, and one pattern for those of several splits."""
    patterns = [_pattern(name) for name in known]
    several = {p for p in patterns if patterns.count(p) > 1}
    return list(
        dict.fromkeys(p if p in several else n for n, p in zip(known, patterns, strict=True))
    )


def _column(path: Path, name: str, array: NDArray[Any]) -> tuple[list[str], bool]:
    """Text of an array [N], [N, 1] or one-hot [N, K], and whether rows hold several values."""
    if array.ndim == 2 and array.shape[1] > 1:
        marked = np.asarray(array) == 1
        if ((array == 0) | marked).all() and (marked.sum(1) == 1).all():
            array = marked.argmax(1)
        else:
            return [" ".join(map(str, row)) for row in array.tolist()], True
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    return [_text(value) for value in array.reshape(len(array)).tolist()], False


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value).strip()


def read(path: Path, keys: Mapping[str, Keys]) -> Sheet:
    """The table that ``path`` holds.

    Raises:
        DataError: it is of no kind that is understood, or cannot be read.
    """
    suffix = path.suffix.casefold()
    if path.is_dir():
        return read_folder(path)
    if suffix == ".npz":
        return read_archive(path, keys)
    if suffix in PARQUETS:
        return read_parquet(path)
    if suffix in TABLES or not suffix:
        return Sheet("table", read_rows(path, ()))
    raise DataError(
        f"{path}: give a table ({', '.join((*TABLES, *PARQUETS))}), an .npz or a folder with one "
        "of images for each class"
    )


def guessed_images(path: Path) -> Sequence[str]:
    """The arrays of an npz that may hold images, as columns are called."""
    known = shapes(path)
    return [
        said
        for said in _names(known)
        if all(len(known[name]) in (3, 4) for name in parts_of(path, said, known).values())
    ]
