"""Images that a network is applied to: a folder, a table, or a split of a dataset, in batches."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from medtail import datamodules
from medtail.datamodules.core.errors import DataError, MedtailError
from medtail.datamodules.core.labels import Row, read_rows
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.pixels.cache import UNREADABLE, Pixels, reason
from medtail.datamodules.core.pixels.folders import IMAGE_SUFFIXES, image_files, suffix_of
from medtail.datamodules.core.pixels.reading import read_image
from medtail.datamodules.core.pixels.window import Window

if TYPE_CHECKING:
    from medtail.datamodules.core.base import ImageDataModule

    from .description import Description

TABLES = (".csv", ".parquet", ".pq")
SPLITS = ("train", "val", "test", "pool", "query")


@dataclass
class Images:
    """Images by id, read when they are asked for.

    Attributes:
        ids: N of them.
        batches: their places and pixels, uint8 [B, C, H, W]; without those that cannot be read.
        label: N labels, where a table has them.
        note: what was left out, one line.
        bad: what could not be read and why, filled while batches are taken.
    """

    ids: Sequence[str]
    batches: Callable[[], Iterator[tuple[list[int], Tensor]]]
    label: Sequence[str] = ()
    note: str = ""
    bad: list[str] = field(default_factory=list)


def find(text: str, about: "Description", column: str = "image") -> Images:
    """The images that a user names.

    Args:
        text: a folder, a CSV or Parquet file with a column of paths, or ``dataset@regime:split``.
        about: the network, whose size and channels they get.
        column: of the table.

    Raises:
        MedtailError: there is nothing of that name, or no image in it.
    """
    path = Path(text)
    if path.is_dir():
        return in_folder(path, about)
    if path.is_file():
        if path.suffix.lower() in TABLES:
            return in_table(path, about, column)
        if suffix_of(path.name):
            return of_files([path.name], [path], about)
        raise MedtailError(f"{path}: neither an image nor a table ({', '.join(TABLES)})")
    data, colon, split = text.rpartition(":")
    if colon and split in SPLITS:
        return of_split(data, split, about)
    raise MedtailError(
        f"{text}: no such file or folder; for a split of a dataset write dataset@regime:test "
        f"({', '.join(SPLITS)})"
    )


def in_folder(folder: Path, about: "Description") -> Images:
    """The image files anywhere below a folder; ids are their paths below it."""
    listed = image_files(folder)
    if not listed.images:
        raise MedtailError(f"{folder}: no image below it ({', '.join(IMAGE_SUFFIXES)})")
    ids = [path.relative_to(folder).as_posix() for path in listed.images]
    found = of_files(ids, listed.images, about)
    found.note = listed.told
    return found


def in_table(path: Path, about: "Description", column: str) -> Images:
    """The images that a table names, relative to its folder; ids are the names as they stand."""
    rows = rows_of(path, column)
    ids = [row[column].strip() for row in rows]
    empty = [row for row, name in zip(rows, ids, strict=True) if not name]
    if empty:
        raise DataError(f"{empty[0].where}: empty {column}")
    found = of_files(ids, [path.parent / name for name in ids], about)
    found.label = [row["label"].strip() for row in rows] if "label" in rows[0] else ()
    return found


def rows_of(path: Path, column: str) -> list[Row]:
    """Rows of a CSV or Parquet file that has a column, every value as text."""
    if path.suffix.lower() == ".csv":
        return read_rows(path, (column,))
    from pyarrow import ArrowException
    from pyarrow import parquet as pq

    try:
        table = pq.read_table(path)
        table.validate(full=True)  # text that is no UTF-8 is found here
    except (OSError, ArrowException) as error:
        raise DataError(f"{path}: {reason(error)}") from error
    if column not in table.column_names or not len(table):
        raise DataError(
            f"{path}: no column '{column}' with a row (there are {', '.join(table.column_names)})"
        )
    rows = []
    for number, values in enumerate(table.to_pylist(), 1):
        rows.append(row := Row({k: "" if v is None else str(v) for k, v in values.items()}))
        row.at = (path, "row", number)
    return rows


def opened(path: Path, about: "Description") -> Pixels:
    """An image file as the network's training would have read it: [H, W, C] uint8."""
    spec, window = about.spec, Window.parse(about.window) if about.window else None
    return read_image(path, spec.image_size, spec.in_channels, window, about.frame)


def of_files(ids: Sequence[str], paths: Sequence[Path], about: "Description") -> Images:
    """Files, some at a time.

    Raises:
        MedtailError: a name that no table can hold.
    """
    for name in ids:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise MedtailError(
                f"{name!a}: the name of a file is no UTF-8, which no table can hold: rename it"
            ) from None

    def batches() -> Iterator[tuple[list[int], Tensor]]:
        step = max(8, min(256, 2**20 // math.prod(about.spec.image_size)))
        for start in range(0, len(paths), step):
            places, pixels = [], []
            for place in range(start, min(start + step, len(paths))):
                try:
                    pixels.append(opened(paths[place], about))
                    places.append(place)
                except UNREADABLE as error:
                    found.bad.append(reason(error))
            if places:
                yield places, torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)

    found = Images(ids, batches)
    return found


def module_of(data: str, about: "Description") -> "ImageDataModule":
    """A dataset at the network's size, prepared.

    Raises:
        MedtailError: it has other channels, or cannot be had.
    """
    name, terms = DataName.parse(data), about.cell.terms
    mine = name.dataset == DataName.parse(terms.data).dataset
    module = datamodules.build(data, about.spec.image_size, **(terms.arguments if mine else {}))
    module.prepare()
    if module.in_channels != about.spec.in_channels:
        raise MedtailError(
            f"{data} has images of {module.in_channels} channels, {about} takes "
            f"{about.spec.in_channels}: give it the files of the images"
        )
    return module


def of_split(data: str, split: str, about: "Description") -> Images:
    """The rows of a split, in the batches in which a record's predictions are made."""
    module = module_of(data, about)
    rows = module.rows(split)
    if not len(rows):
        raise MedtailError(f"{data}: no image in '{split}'")

    def batches() -> Iterator[tuple[list[int], Tensor]]:
        done = 0
        for batch in module.plain_loader(split):
            yield list(range(done, done + len(batch.image))), batch.image
            done += len(batch.image)

    return Images(module.table.id[rows].tolist(), batches)
