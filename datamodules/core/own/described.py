"""A dataset that a description makes: of a ``dataset.yaml``, or of a table's arguments."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from ..base import ImageDataModule
from ..errors import DataError, DataMissingError
from ..labels import by_id, class_indices
from ..names import DataName
from ..pixels.cache import Pixels
from ..pixels.dicom import patient_of
from ..pixels.folders import may_be_dicom
from ..pixels.npz import stream_images
from ..pixels.reading import resize
from ..pixels.window import Window
from ..subgroups import TRAITS, kept
from ..table import SampleTable
from . import sheets, values
from .choice import Choice, choose
from .columns import find
from .description import FILE, Description, read
from .images import ids_of, images_of, paths_of, seen_from
from .sheets import Sheet
from .splits import Spelling, split_names


class DescribedData(ImageDataModule):
    """Data of one's own.

    Attributes:
        facts: what its owner says of it.
        file: the table, archive or folder.
        images: the folder in which images are looked for.
    """

    variants: ClassVar[dict[str, str]] = {
        "leaky_given": "the given split, although groups or images stand in several parts"
    }
    facts: Description
    file: Path
    images: Path
    _traits: dict[str, list[str]]
    _stream: Iterator[Pixels] | None = None
    _next = 0

    def spelling(self, key: str, value: str) -> str:
        """How its owner writes a setting."""
        raise NotImplementedError

    def described(self, facts: Description, file: Path, images: Path) -> None:
        """Take the facts over; nothing is read."""
        self.facts, self.file, self.images = facts, file, images
        self.class_names, self.rare_names = facts.classes, facts.rare
        self.critical = facts.critical
        self.in_channels, self.ordinal = facts.channels, facts.ordinal
        self.modality, self.frame = facts.modality, facts.frame
        self.window = Window.parse(facts.window) if facts.window else None

    def load_table(self) -> SampleTable:
        """The rows, in the order of their ids; of an archive in its own."""
        if not self.file.exists():
            raise DataMissingError(f"{self.name.dataset}: {self.file} not found; {self.files}")
        self.source = self.file.name
        where = str(self.file)
        keys = {k: v for k in ("image", "label", "id", "group", "split") if (v := self._key(k))}
        sheet = sheets.read(self.file, keys)
        choice = choose(where, sheet, self.facts, self.spelling)
        labels = self._labels(sheet, choice)
        hint = f" by {self.spelling('classes', 'A,B,...')}"
        given = self.facts.classes or (choice.label if len(choice.label) > 1 else ())
        labels, self.class_names = values.settle(where, labels, given, hint)
        for key, names in (("rare", self.rare_names), ("critical", self.critical)):
            if odd := [name for name in names if name not in self.class_names]:
                raise DataError(
                    f"{where}: {key}: '{odd[0]}' is none of {', '.join(self.class_names)}"
                )
        by_id(sheet.rows, choice.id or choice.image)
        ids = ids_of(sheet, choice, self.images)
        order = np.arange(len(ids)) if sheet.kind == "archive" else np.argsort(ids)
        paths = None if sheet.arrays else paths_of(sheet[choice.image], self.images)
        self._arrays = sheet.arrays
        self.remarks = choice.told | ({"left out": sheet.told} if sheet.told else {})
        group, split = self._groups(sheet, choice, ids, paths), self._splits(sheet, choice)
        self._traits = self._subgroups(sheet, order.tolist())
        return SampleTable(
            id=np.array(ids)[order],
            target=class_indices(where, ids, labels, self.class_names)[order],
            group=None if group is None else np.array(group)[order],
            split=None if split is None else np.array(split)[order],
            path=None if paths is None else tuple(paths[k] for k in order),
        )

    def _key(self, name: str) -> sheets.Keys:
        said = getattr(self.facts, name)
        return said if isinstance(said, (str, dict)) else ""

    def _labels(self, sheet: Sheet, choice: Choice) -> list[str]:
        where = str(self.file)
        if len(choice.label) > 1:
            rows = list(zip(*(sheet[column] for column in choice.label), strict=True))
            return values.one_of_columns(where, rows, choice.label)
        found = sheet[choice.label[0]]
        empty = [k for k, text in enumerate(found) if self._is_missing(text)]
        if empty:
            written = found[empty[0]]
            named = self.spelling("classes", "A,B,...")
            hint = f", written '{written}'; where that is a class: {named}"
            raise DataError(
                f"{where}: {len(empty)} rows have an empty label (the first is image "
                f"'{sheet[choice.image][empty[0]]}'{hint if written else ''})"
            )
        return found

    def _is_missing(self, label: str) -> bool:
        known = label in self.facts.classes
        return label.strip().casefold() in values.MISSING and not known

    def _groups(
        self, sheet: Sheet, choice: Choice, ids: list[str], paths: list[Path] | None
    ) -> list[str] | None:
        """Groups without names; of DICOM files their patients, where nothing else is said."""
        found = sheet[choice.group] if choice.group else []
        if not found and paths and not self.facts.no_group and all(map(may_be_dicom, paths)):
            found = [patient_of(path) if path.is_file() else "" for path in paths]
            if any(found):
                self.remarks = {**self.remarks, "group": "PatientID of the DICOM files"}
        hidden = values.without_names(self.name.dataset, found)
        if not any(hidden):
            return None
        if alone := hidden.count(""):
            self.remarks = {
                **self.remarks,
                "no group is known of": f"{alone} images, each by itself",
            }
        return [group or f"image {name}" for name, group in zip(ids, hidden, strict=True)]

    def _subgroups(self, sheet: Sheet, order: list[int]) -> dict[str, list[str]]:
        """Of the columns that are named for it, in the table's order."""
        where, found = str(self.file), dict[str, list[str]]()
        for trait in TRAITS:
            if said := getattr(self.facts, trait):
                values = kept(where, trait, sheet[find(sheet.columns, said, where)])
                found[trait] = [values[k] for k in order]
        return found

    def subgroups(self) -> dict[str, list[str]]:
        """Those of the columns that its owner names."""
        return self._traits

    def _splits(self, sheet: Sheet, choice: Choice) -> list[str] | None:
        stated = (self.facts.test_fold, self.facts.val_fold)
        if not choice.split:
            if any(stated):
                key = "test_fold" if stated[0] else "val_fold"
                raise DataError(
                    f"{self.file}: {self.spelling(key, ','.join(stated[0] or stated[1]))} is of a "
                    f"column of splits, and none is used: name it by {self.spelling('split', 'A')}"
                )
            return None
        found = sheet[choice.split]
        return split_names(str(self.file), choice.split, found, *stated, self.spelling)

    def read_image(self, row: int) -> Pixels:
        """From the file, or from the archive: quick where rows come in order."""
        if not self._arrays:
            return super().read_image(row)
        if self._stream is None or row < self._next:
            self._stream, self._next = stream_images(self.file, self._arrays), 0
        for image in self._stream:
            self._next += 1
            if self._next > row:
                return resize(
                    Image.fromarray(_channels_last(image)),
                    self.image_size,
                    "RGB" if self.in_channels == 3 else "L",
                )
        raise OSError(f"{self.file}: {self._next} images, fewer than labels")

    def close_sources(self) -> None:
        """End the reading of the archive."""
        self._stream = None

    def source_key(self) -> str:
        """Size and time of every image, or of the archive."""
        if not self._arrays:
            return super().source_key()
        stamp = self.file.stat()
        return f"{' '.join(self._arrays)} {stamp.st_size} {stamp.st_mtime_ns}"


def _channels_last(image: Pixels) -> Pixels:
    """[H, W] or [H, W, 3] of whatever has its channels first, or one of them."""
    if image.ndim == 3 and image.shape[0] in (1, 3) and image.shape[-1] not in (1, 3, 4):
        image = image.transpose(1, 2, 0)
    return image[:, :, 0] if image.ndim == 3 and image.shape[-1] == 1 else image


class OwnDataset(DescribedData):
    """The dataset of a folder in the data root.

    Args:
        name: the folder's name, with a regime.
        image_size: (height, width) in pixels, or one number for a square.
        facts: what its ``dataset.yaml`` says, or will say; by default it is read.
        spelling: how its owner writes a setting now.
        arguments: those of ``ImageDataModule``.
    """

    def __init__(
        self,
        name: str | DataName,
        image_size: int | tuple[int, int] = 28,
        facts: Description | None = None,
        spelling: Spelling | None = None,
        **arguments: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(name, image_size, **arguments)
        place = self.root / self.name.dataset
        self._spelling = spelling
        facts = facts or read(place / FILE)
        file = seen_from(place, facts.source)
        self.described(facts, file, images_of(place, facts.images, file))
        self.title, self.licence = facts.title or facts.name, facts.licence
        self.citation = facts.citation
        self.copies = arguments.get("copies") or facts.copies
        self.files = f"{facts.name}/{FILE} says where its files are."

    def spelling(self, key: str, value: str) -> str:
        """As in ``dataset.yaml``, or as on the command line that makes it."""
        if self._spelling:
            return self._spelling(key, value)
        said = f"[{value}]" if key == "classes" else value or "true"
        return f"`{key}: {said}` in {self.name.dataset}/{FILE}"
