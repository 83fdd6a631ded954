"""Kvasir-Capsule: labelled frames of capsule endoscopy videos, split by video.

The rarest findings come from two or three videos: every class has frames in train and test, but
Blood, Erythematous and Lymphangiectasia have none in validation, which the card states. Eight
frames carry two labels (Erosion and Pylorus) in the official lists and are left out.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np

from .core.base import ImageDataModule
from .core.errors import DataError
from .core.labels import Row, class_indices, read_rows, stem_of
from .core.splitting.splits import few_groups_split
from .core.table import SampleTable

FOLDS = ("split_0.csv", "split_1.csv")
CLASSES = (
    "Angiectasia", "Blood", "Erosion", "Erythematous", "Foreign Bodies", "Ileo-cecal valve",
    "Lymphangiectasia", "Normal", "Pylorus", "Reduced Mucosal View", "Ulcer",
)  # fmt: skip


def read_folds(folder: Path) -> dict[str, tuple[str, int]]:
    """Class and fold of each frame by file name without suffix, without frames of two labels.

    Raises:
        DataError: a frame stands twice with the same label.
    """
    found: dict[str, tuple[int, Row]] = {}
    twofold: set[str] = set()
    for fold, name in enumerate(FOLDS):
        for row in read_rows(folder / name, ("filename", "label")):
            frame = stem_of(row["filename"])
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
    class_names = CLASSES
    title = "Kvasir-Capsule, labelled frames"
    licence = "CC BY 4.0"
    citation = "P. H. Smedsrud et al., Kvasir-Capsule, Scientific Data 8, 142 (2021)"
    files = (
        "it needs the labelled images of the Kvasir-Capsule dataset (osf.io/dv2ag), as *.jpg "
        f"anywhere below, and {' and '.join(FOLDS)} of the repository simula/kvasir-capsule."
    )

    def load_table(self) -> SampleTable:
        """Classes and videos, sorted by file name."""
        folder = self.folder_with(*FOLDS)
        for name in FOLDS:
            if not (folder / name).exists():
                raise self.missing(folder / name)
        rows = read_folds(folder)
        ids = sorted(rows)
        target = class_indices(str(folder), ids, [rows[i][0] for i in ids], CLASSES)
        videos = np.array([i.split("_")[0] for i in ids])
        paths = self.paths_of(ids, folder)  # before the split, which takes longer
        if self.name.variant == "leaky_official":
            split = np.array([("train", "test")[rows[i][1]] for i in ids])
        else:
            split = few_groups_split(target, videos, self.split_seed)
        return SampleTable(np.array(ids), target, videos, split, paths)
