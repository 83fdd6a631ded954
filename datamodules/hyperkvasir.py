"""HyperKvasir: 23 classes of labelled gastro- and colonoscopy images, with the official two folds.

Fold 0 is train, one eighth of it validation; fold 1 is test. Patients are not published, so no
split can be told to be disjoint by patient.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np

from .core.base import ImageDataModule
from .core.errors import DataError
from .core.labels import by_id, class_indices, read_rows
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
# The 14 classes of MONICA: official name -> MONICA's.
MONICA14 = {
    "bbps-0-1": "bbps-0-1",
    "bbps-2-3": "bbps-2-3",
    "dyed-lifted-polyps": "dyed-lifted-polyps",
    "dyed-resection-margins": "dyed-resection-margins",
    "normal-cecum": "cecum",
    "normal-pylorus": "pylorus",
    "normal-z-line": "z-line",
    "oesophagitis-a": "esophagitis-a",
    "oesophagitis-b-d": "esophagitis-b-d",
    "polyp": "polyps",
    "retroflex-rectum": "retroflex-rectum",
    "retroflex-stomach": "retroflex-stomach",
    "ulcerative-colitis-grade-1": "ulcerative-colitis-grade-1",
    "ulcerative-colitis-grade-2": "ulcerative-colitis-grade-2",
}


def read_folds(path: Path) -> dict[str, tuple[str, str]]:
    """Class and fold (``0`` or ``1``) of each image, by file name without suffix.

    Raises:
        DataError: a fold is neither, or an image stands twice.
    """
    rows = read_rows(path, ("file-name", "class-name", "split-index"), ";")
    for row in rows:
        if row["split-index"] not in ("0", "1"):
            raise DataError(
                f"{row.where}: fold '{row['split-index']}' of {row['file-name']} is not 0 or 1"
            )
    named = by_id(rows, "file-name", lambda name: Path(name.strip()).stem)
    return {name: (row["class-name"], row["split-index"]) for name, row in named.items()}


class HyperKvasir(ImageDataModule):
    """The labelled images on the official folds; 14 of the classes split anew as ``monica14``."""

    slugs = ("hyperkvasir",)
    variants: ClassVar[dict[str, str]] = {
        "monica14": "the 14 classes of MONICA, whose train set is larger than a fold: split "
        "70/10/20 by image, seeded; MONICA's own lists are not published with a licence",
    }
    copies = "exclude"
    folders = ("hyperkvasir", "")
    class_names = CLASSES
    title = "HyperKvasir, labelled images"
    licence = "CC BY 4.0"
    citation = "H. Borgli et al., HyperKvasir, Scientific Data 7, 283 (2020)"
    files = (
        "it needs labeled-images/<organ>/<category>/<class>/*.jpg of "
        f"hyper-kvasir-labeled-images.zip (datasets.simula.no) and {SPLIT_FILE} of the "
        "repository simula/hyper-kvasir."
    )

    def load_table(self) -> SampleTable:
        """Classes and folds, sorted by file name."""
        folder = self.folder_with(SPLIT_FILE)
        rows, split = read_folds(folder / SPLIT_FILE), None
        official = self.name.variant != "monica14"
        if not official:
            self.class_names = tuple(MONICA14.values())
            rows = {i: (MONICA14[c], f) for i, (c, f) in rows.items() if c in MONICA14}
        ids = sorted(rows)
        labels = [rows[i][0] for i in ids]
        target = class_indices(str(folder / SPLIT_FILE), ids, labels, self.class_names)
        if official:
            split = np.array(["test" if rows[i][1] == "1" else "train" for i in ids])
        return SampleTable(np.array(ids), target, None, split, self.paths_of(ids, folder))
