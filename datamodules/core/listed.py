"""Datasets whose images are listed in one table, ``labels.csv``, a row an image."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from .base import ImageDataModule
from .errors import DataMissingError
from .labels import Row, by_id, class_indices, id_of, read_rows
from .layouts import ANYWHERE, Layouts, Part
from .pixels.folders import images_below
from .spelling import folders_of
from .splitting.splits import group_split
from .table import SampleTable

LABELS = "labels.csv"
# Both names are too common to be looked for in the data root itself.
LAYOUTS = Layouts(
    labels=(Part((LABELS,), "a row an image"),),
    images=(Part(("images",), "any size", whole=True), ANYWHERE),
)

LEAKY = "leaky_image"
# What a dataset offers whose table brings groups or a split, to show what they are there for.
BY_IMAGE = {
    LEAKY: "split by image, seeded, stratified by class, whatever images have in common: as much "
    "published work does (docs/leaks.md)"
}


def licences(rows: Mapping[str, Row]) -> dict[str, str]:
    """What the card says of a column ``licence``; nothing where there is none."""
    said = Counter(row["licence"].strip() or "none" for row in rows.values() if "licence" in row)
    told = ", ".join(f"{name} {amount}" for name, amount in said.most_common())
    return {"images by licence": told} if told else {}


class ListedData(ImageDataModule):
    """Images listed in ``labels.csv``, by the columns ``image``, ``label`` and ``columns``.

    A column ``licence`` is counted for the card, those of ``telling`` are read where a small model
    is asked what they tell; others are not read.

    Class attributes:
        columns: which of ``group`` and ``split`` the table has, too.
        telling: further columns, such as the device, that may tell the class.
        same: groups that are taken for another, as both are likely one.
        told: what the card says beside counts, by what it is about.
    """

    copies = "exclude"
    layouts = LAYOUTS
    columns: ClassVar[tuple[str, ...]] = ()
    telling: ClassVar[tuple[str, ...]] = ()
    same: ClassVar[dict[str, str]] = {}
    told: ClassVar[dict[str, str]] = {}

    def load_table(self) -> SampleTable:
        """Rows sorted by image, or what ``unpacked`` finds where there is no table."""
        table = self._listed()
        if self.name.variant != LEAKY:
            return table
        return replace(table, split=group_split(table.target, table.id, self.split_seed))

    def _listed(self) -> SampleTable:
        self.remarks = self.told
        try:
            place = self.located()
        except DataMissingError:
            if table := self.unpacked():
                return table
            raise
        (path,) = place.tables(self.layouts.labels)
        rows = by_id(read_rows(path, ("image", "label", *self.columns)), "image", id_of)
        self.remarks = self.told | licences(rows)
        ids = sorted(rows)
        target = class_indices(str(path), ids, [rows[i]["label"] for i in ids], self.class_names)
        group, split = (
            np.array([rows[i][column].strip() for i in ids]) if column in self.columns else None
            for column in ("group", "split")
        )
        if group is not None:
            # A group that is not known is the image alone.
            group = np.array(
                [self.same.get(g, g) or f"image {i}" for i, g in zip(ids, group, strict=True)]
            )
        return SampleTable(np.array(ids), target, group, split, self.images_of(ids, place))

    def unpacked(self) -> SampleTable | None:
        """The table of the download as it unpacks, where its own names tell; else None."""
        return None

    def beside(self) -> dict[str, list[str]]:
        """The columns of ``telling``; none of images that are listed nowhere."""
        try:
            (path,) = self.located().tables(self.layouts.labels)
        except DataMissingError:
            return {}
        rows = by_id(read_rows(path, ("image",)), "image", id_of)
        known = [rows[i] for i in self.table.id.tolist()]
        there = [column for column in self.telling if column in known[0]]
        return {column: [row[column].strip() for row in known] for column in there}

    def found(self) -> dict[str, Path]:
        """Image files in the dataset's folders, by name without suffix."""
        return images_below(folders_of(self.root, self.folders))
