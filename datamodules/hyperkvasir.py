"""HyperKvasir: 23 classes of labelled gastro- and colonoscopy images, with the official two folds.

Fold 0 is train, one eighth of it validation; fold 1 is test. Patients are not published, so no
split can be told to be disjoint by patient.
"""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from .core.base import ImageDataModule
from .core.errors import DataError
from .core.labels import by_id, class_indices, id_of, read_rows
from .core.layouts import ANYWHERE, Layouts, Part
from .core.table import SampleTable

SPLIT_FILE = "2_fold_split.csv"
CLASSES: tuple[str, ...] = (
    "barretts", "bbps-0-1", "bbps-2-3", "dyed-lifted-polyps", "dyed-resection-margins",
    "hemorroids", "ileum", "impacted-stool", "normal-cecum", "normal-pylorus", "normal-z-line",
    "oesophagitis-a", "oesophagitis-b-d", "polyp", "retroflex-rectum", "retroflex-stomach",
    "short-segment-barretts", "ulcerative-colitis-grade-0-1", "ulcerative-colitis-grade-1",
    "ulcerative-colitis-grade-1-2", "ulcerative-colitis-grade-2", "ulcerative-colitis-grade-2-3",
    "ulcerative-colitis-grade-3",
)  # fmt: skip
# Official name -> that of the folder and of ``image-labels.csv``, where they differ.
IN_FOLDERS = {
    "hemorroids": "hemorrhoids",
    "normal-cecum": "cecum",
    "normal-pylorus": "pylorus",
    "normal-z-line": "z-line",
    "oesophagitis-a": "esophagitis-a",
    "oesophagitis-b-d": "esophagitis-b-d",
    "polyp": "polyps",
    "short-segment-barretts": "barretts-short-segment",
}
OFFICIAL = {name: official for official, name in IN_FOLDERS.items()}
# The 14 classes of MONICA: official name -> MONICA's, which is the folder's.
MONICA14 = {
    name: IN_FOLDERS.get(name, name)
    for name in (
        "bbps-0-1", "bbps-2-3", "dyed-lifted-polyps", "dyed-resection-margins", "normal-cecum",
        "normal-pylorus", "normal-z-line", "oesophagitis-a", "oesophagitis-b-d", "polyp",
        "retroflex-rectum", "retroflex-stomach", "ulcerative-colitis-grade-1",
        "ulcerative-colitis-grade-2",
    )
}  # fmt: skip
FOLDS = Part((SPLIT_FILE,), "official_splits of the repository simula/hyper-kvasir")
LAYOUTS = Layouts(
    labels=(FOLDS,), images=(Part(("labeled-images",), "datasets.simula.no"), ANYWHERE)
)
LABELS = "image-labels.csv"  # in labeled-images/, without folds
WITHOUT_FOLDS = replace(LAYOUTS, labels=(FOLDS, Part((LABELS,), "datasets.simula.no")))


def read_folds(path: Path) -> dict[str, tuple[str, str]]:
    """Class and fold (``0`` or ``1``) of each image, by file name without suffix.

    Raises:
        DataError: a fold is neither, or an image stands twice.
    """
    rows = read_rows(path, ("file-name", "class-name", "split-index"))
    for row in rows:
        if row["split-index"] not in ("0", "1"):
            raise DataError(
                f"{row.where}: fold '{row['split-index']}' of {row['file-name']} is not 0 or 1"
            )
    named = by_id(rows, "file-name", id_of)
    return {name: (_official(row["class-name"]), row["split-index"]) for name, row in named.items()}


def read_classes(path: Path) -> dict[str, tuple[str, str]]:
    """Class of each image as ``labeled-images/image-labels.csv`` has it, and no fold."""
    rows = by_id(read_rows(path, ("Video file", "Finding")), "Video file", id_of)
    return {name: (_official(row["Finding"]), "") for name, row in rows.items()}


def _official(name: str) -> str:
    return OFFICIAL.get(name.strip(), name.strip())


class HyperKvasir(ImageDataModule):
    """The labelled images on the official folds; 14 of the classes split anew as ``monica14``."""

    slugs = ("hyperkvasir",)
    variants: ClassVar[dict[str, str]] = {
        "monica14": "the 14 classes of MONICA, whose train set is larger than a fold: split "
        "70/10/20 by image, seeded; MONICA's own lists are not published with a licence",
    }
    copies = "exclude"
    folders = ("hyperkvasir", "")
    layouts = LAYOUTS
    class_names = CLASSES
    title = "HyperKvasir, labelled images"
    licence = "CC BY 4.0"
    permission = "own licence"
    citation = "H. Borgli et al., HyperKvasir, Scientific Data 7, 283 (2020)"
    files = (
        "get hyper-kvasir-labeled-images.zip from datasets.simula.no and "
        f"{SPLIT_FILE} of the repository simula/hyper-kvasir, and unpack them into hyperkvasir/."
    )

    def load_table(self) -> SampleTable:
        """Classes and folds, sorted by file name."""
        official = self.name.variant != "monica14"
        if not official:
            self.class_names, self.layouts = tuple(MONICA14.values()), WITHOUT_FOLDS
        split, place = None, self.located()
        (path,) = place.tables(self.layouts.labels)
        rows = read_folds(path) if path == place.labels.get(SPLIT_FILE) else read_classes(path)
        if not official:
            rows = {i: (MONICA14[c], f) for i, (c, f) in rows.items() if c in MONICA14}
        ids = sorted(rows)
        target = class_indices(str(path), ids, [rows[i][0] for i in ids], self.class_names)
        if official:
            split = np.array(["test" if rows[i][1] == "1" else "train" for i in ids])
        return SampleTable(np.array(ids), target, None, split, self.images_of(ids, place))
