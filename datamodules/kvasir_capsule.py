"""Kvasir-Capsule: labelled frames of capsule endoscopy videos, split by video.

The rarest findings come from two or three videos: every class has frames in train and test, but
Blood, Erythematous and Lymphangiectasia have none in validation, which the card states. Eight
frames carry two labels (Erosion and Pylorus) in the official lists and are left out.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from .core.base import ImageDataModule
from .core.errors import DataError
from .core.labels import Row, class_indices, id_of, read_rows
from .core.layouts import ANYWHERE, Layouts, Part
from .core.splitting.splits import few_groups_split
from .core.table import SampleTable

FOLDS = ("split_0.csv", "split_1.csv")
CLASSES = (
    "Angiectasia", "Blood", "Erosion", "Erythematous", "Foreign Bodies", "Ileo-cecal valve",
    "Lymphangiectasia", "Normal", "Pylorus", "Reduced Mucosal View", "Ulcer",
)  # fmt: skip


LAYOUTS = Layouts(
    labels=(Part(FOLDS, "official_splits of the repository simula/kvasir-capsule"),),
    images=(Part(("labelled_images",), "its archives unpacked, a folder a class"), ANYWHERE),
)


def read_folds(paths: Sequence[Path]) -> dict[str, tuple[str, int]]:
    """Class and fold of each frame by file name without suffix, without frames of two labels.

    Raises:
        DataError: a frame stands twice with the same label.
    """
    found: dict[str, tuple[int, Row]] = {}
    twofold: set[str] = set()
    for fold, path in enumerate(paths):
        for row in read_rows(path, ("filename", "label")):
            frame = id_of(row["filename"])
            _, first = found.setdefault(frame, (fold, row))
            if first["label"] != row["label"]:
                twofold.add(frame)
            elif first is not row:
                raise DataError(f"{row.where}: '{frame}' stands already in {first.where}: keep one")
    return {
        frame: (row["label"], fold) for frame, (fold, row) in found.items() if frame not in twofold
    }


class KvasirCapsule(ImageDataModule):
    """The 11 classes of the official lists; a frame's video is its name before the underscore."""

    slugs = ("kvasir_capsule",)
    variants: ClassVar[dict[str, str]] = {
        "leaky_official": "the official folds: fold 0 train (and val), fold 1 test; they share "
        "7 of 43 videos",
    }
    copies = "exclude"
    folders = ("kvasir_capsule", "")
    layouts = LAYOUTS
    class_names = CLASSES
    title = "Kvasir-Capsule, labelled frames"
    licence = "CC BY 4.0"
    permission = "own licence"
    citation = "P. H. Smedsrud et al., Kvasir-Capsule, Scientific Data 8, 142 (2021)"
    files = (
        "get the archives of labelled_images (osf.io/dv2ag), one for each class, and "
        f"{' and '.join(FOLDS)} of the repository simula/kvasir-capsule, and unpack them into "
        "kvasir_capsule/."
    )

    def load_table(self) -> SampleTable:
        """Classes and videos, sorted by file name."""
        place = self.located()
        rows = read_folds(place.tables(LAYOUTS.labels))
        ids = sorted(rows)
        target = class_indices(str(place.folder), ids, [rows[i][0] for i in ids], CLASSES)
        videos = np.array([i.split("_")[0] for i in ids])
        paths = self.images_of(ids, place)  # before the split, which takes longer
        if self.name.variant == "leaky_official":
            split = np.array([("train", "test")[rows[i][1]] for i in ids])
        else:
            split = few_groups_split(target, videos, self.split_seed)
        return SampleTable(np.array(ids), target, videos, split, paths)
