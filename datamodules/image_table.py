"""Anybody's images: a CSV or Parquet table of path, label and, where known, group and split.

``datamodules.build("image_table", 64, file=Path("my.csv"))``, or in a suite
``{name: image_table@natural, params: {file: my.csv}}``.
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .core.arguments import given_path, whole_number
from .core.base import ImageDataModule
from .core.errors import DataError, DataMissingError, MedtailError
from .core.labels import Row, by_id, class_indices, read_rows
from .core.names import DataName
from .core.pixels.window import Window
from .core.table import SampleTable

COLUMNS = ("image", "label")
HELP = (
    "a CSV or Parquet file with the columns image (path, relative to the file's folder) and label, "
    "and perhaps group (patient, lesion or video) and split (train, val or test)."
)


def read_table(path: Path) -> list[Row]:
    """Rows of a CSV or Parquet file, every value as text (empty where there is none).

    Raises:
        DataError: no such table, or one of ``COLUMNS`` is missing.
    """
    if path.suffix.lower() not in (".parquet", ".pq"):
        return read_rows(path, COLUMNS)
    from pyarrow import ArrowException
    from pyarrow import parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, ArrowException) as error:
        raise DataError(f"{path}: {error}") from error
    absent = [c for c in COLUMNS if c not in table.column_names]
    if absent:
        raise DataError(
            f"{path}: no column '{absent[0]}' (there are {', '.join(table.column_names)})"
        )
    if not len(table):
        raise DataError(f"{path}: no row")
    rows = []
    for number, values in enumerate(table.to_pylist(), 1):
        rows.append(row := Row({k: "" if v is None else str(v) for k, v in values.items()}))
        row.at = (path, "row", number)
    return rows


def sorted_labels(labels: list[str]) -> tuple[str, ...]:
    """Unique labels in order: of numbers where all are numbers, else of text."""
    names = set(labels)
    if all(name.lstrip("-").isdigit() for name in names):
        return tuple(sorted(names, key=int))
    return tuple(sorted(names))


class ImageTable(ImageDataModule):
    """A table of image files.

    Args:
        name: ``image_table`` with a regime.
        image_size: (height, width) in pixels, or one number for a square.
        file: the table.
        classes: class names in order; labels are then these names or their places from 0. By
            default the sorted unique labels.
        channels: 3, or 1 for grey images (colours become grey by luma).
        window: the grey levels that become black and white, see ``Window``: ``[low, high]``,
            ``p1-p99`` or ``file``. Needed for more than 8 bits.
        frame: which of a stack's frames is the image, from 0.
        arguments: those of ``ImageDataModule``.
    """

    slugs = ("image_table",)
    paths = ("file",)
    variants: ClassVar[dict[str, str]] = {
        "leaky_given": "the table's split, although groups or images stand in several parts"
    }
    title = "A table of images"
    licence = "that of the images"
    files = f"give file=..., {HELP}"

    def __init__(
        self,
        name: str | DataName,
        image_size: int | tuple[int, int] = 28,
        *,
        file: Path | str | None = None,
        classes: tuple[str, ...] | None = None,
        channels: int = 3,
        window: Window | str | list[float] | None = None,
        frame: int | None = None,
        **arguments: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(name, image_size, **arguments)
        if isinstance(classes, str):
            raise MedtailError(f"image_table: classes='{classes}': give a list of names")
        self.file = given_path("image_table", "file", file) if file is not None else None
        self.classes = tuple(classes) if classes else None
        if channels not in (1, 3):
            raise MedtailError(f"image_table: channels={channels!r}: write 3, or 1 for grey")
        self.in_channels = channels
        self.window = None if window is None else Window.parse(window)
        self.frame = None if frame is None else whole_number("image_table", "frame", frame)

    def load_table(self) -> SampleTable:
        """The rows, in the order of their image paths."""
        if self.file is None or not self.file.is_file():
            where = f"{self.file} not found" if self.file else "no file given"
            raise self._no_file(where)
        self.source = self.file.name
        named = by_id(read_table(self.file), "image")
        ids = sorted(named)
        rows = [named[name] for name in ids]
        empty = [row for row in rows if not row["label"].strip()]
        if empty:
            raise DataError(
                f"{self.file}: {len(empty)} rows have an empty label (the first is image "
                f"'{empty[0]['image']}')"
            )
        return SampleTable(
            id=np.array(ids),
            target=self._targets(ids, [row["label"].strip() for row in rows]),
            group=self._groups(ids, rows),
            split=np.array([r["split"].strip() for r in rows]) if "split" in rows[0] else None,
            path=tuple(self.file.parent / name for name in ids),
        )

    def _targets(self, ids: list[str], labels: list[str]) -> NDArray[np.int64]:
        self.class_names = self.classes or sorted_labels(labels)
        if len(self.class_names) < 2:
            raise DataError(f"{self.file}: one class only: '{self.class_names[0]}'")
        if self.classes and not set(labels) <= set(self.classes):
            by_place = {str(c): name for c, name in enumerate(self.classes)}
            labels = [by_place.get(label, label) for label in labels]
        return class_indices(str(self.file), ids, labels, self.class_names)

    def _groups(self, ids: list[str], rows: list[Row]) -> NDArray[np.str_] | None:
        if "group" not in rows[0]:
            return None
        groups = [row["group"].strip() for row in rows]
        return np.array([g or f"image {i}" for i, g in zip(ids, groups, strict=True)])

    def _no_file(self, where: str) -> DataMissingError:
        return DataMissingError(f"image_table: {where}; {self.files}")
