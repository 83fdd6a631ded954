"""Anybody's images, for a quick look: a CSV or Parquet table of path, label and what else is known.

``datamodules.build("image_table", 64, file=Path("my.csv"))``, or in a suite
``{name: image_table@natural, params: {file: my.csv}}``. Data that is to stay gets a name of its own
by ``medtail data add``.
"""

import shlex
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .core.arguments import given_path
from .core.errors import DataMissingError, MedtailError
from .core.names import DataName
from .core.own.described import DescribedData
from .core.own.description import described, reason
from .core.own.values import wrong_classes
from .core.pixels.window import Window
from .core.table import SampleTable

HELP = (
    "a CSV or Parquet file with the columns image (path, relative to the file's folder) and label, "
    "and perhaps group (patient, lesion or video) and split (train, val or test); other names of "
    "columns as arguments, such as group=patient_id."
)


class ImageTable(DescribedData):
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
        image, label, group, split: names of columns, where they are others than these.
        no_group, no_split: no column is a group, or a split, whatever it is called.
        arguments: those of ``ImageDataModule``.
    """

    slugs = ("image_table",)
    paths = ("file",)
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
        image: str = "",
        label: str = "",
        group: str = "",
        split: str = "",
        no_group: bool = False,
        no_split: bool = False,
        **arguments: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(name, image_size, **arguments)
        if problem := wrong_classes(classes) if classes is not None else "":
            raise MedtailError(f"image_table: {problem}")
        where = given_path("image_table", "file", file) if file is not None else None
        self.given = where is not None
        said: dict[str, Any] = {"image": image or "image", "label": label or "label"}
        said |= {"group": group, "split": split}
        said |= {"no_group": no_group, "no_split": no_split, "channels": channels}
        said |= {"window": "" if window is None else str(window), "frame": frame}
        usual = {"image": "image", "label": "label", "channels": 3}
        told = {k: v for k, v in said.items() if v not in ("", None, usual.get(k))}
        self.asked = {k: v for k, v in told.items() if v is not False}
        said |= {"name": "image_table", "source": str(where)}
        try:
            facts = described({**said, "classes": [str(c) for c in classes or ()]})
        except ValidationError as error:
            raise MedtailError("image_table: {}: {}".format(*reason(error))) from error
        self.described(facts, where or Path(), (where or Path()).parent)

    def spelling(self, key: str, value: str) -> str:
        """As an argument of ``medtail data card``; in a suite it stands under ``params``."""
        said = f"[{value}]" if key == "classes" else value or "true"
        return f"--set {shlex.quote(f'{key}={said}')}"

    @property
    def called(self) -> str:
        """With the table, and how it is read."""
        said = {"file": str(self.file)} | {k: str(v) for k, v in self.asked.items()}
        return " ".join([super().called, *(self.spelling(k, v) for k, v in said.items())])

    def load_table(self) -> SampleTable:
        """The rows, in the order of their image paths."""
        if not self.given or not self.file.is_file():
            where = f"{self.file} not found" if self.given else "no file given"
            raise DataMissingError(f"image_table: {where}; {self.files}")
        return super().load_table()
