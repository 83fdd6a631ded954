"""APTOS 2019 blindness detection: five grades of diabetic retinopathy in fundus photographs.

Two downloads are read and give the same table: the competition's, and a re-upload that has cut the
same images into three parts, which are put together again and split by medtail.
"""

from pathlib import Path

import numpy as np

from .core.base import ImageDataModule
from .core.labels import by_id, class_indices, id_of, read_rows
from .core.layouts import ANYWHERE, Layouts, Part
from .core.table import SampleTable

GRADES = ("none", "mild", "moderate", "severe", "proliferative")
LAYOUTS = Layouts(
    labels=(
        Part(("train.csv",), "the competition"),
        Part(("train_1.csv", "valid.csv", "test.csv"), "Kaggle's mariaherrerot/aptos2019"),
    ),
    images=(
        Part(("train_images",), "the competition", whole=True),
        Part(("train_images", "val_images", "test_images"), "Kaggle's mariaherrerot/aptos2019"),
        ANYWHERE,
    ),
)


def read_labels(*paths: Path) -> dict[str, str]:
    """Grade, ``0`` to ``4`` (written ``2.0`` in some files), of each image id."""
    rows = [row for path in paths for row in read_rows(path, ("id_code", "diagnosis"))]
    named = by_id(rows, "id_code", id_of)
    return {name: row["diagnosis"].strip().removesuffix(".0") for name, row in named.items()}


class APTOS2019(ImageDataModule):
    """APTOS 2019 training images, split by image: patients are not known."""

    slugs = ("aptos2019",)
    copies = "exclude"  # the competition's images hold copies of each other
    folders = ("aptos2019", "aptos2019-blindness-detection", "")
    layouts = LAYOUTS
    class_names = GRADES
    modality = "fundus"
    ordinal = True
    title = "APTOS 2019 blindness detection (training images)"
    licence = "none open (competition rules): do not pass it on"
    citation = (
        "Asia Pacific Tele-Ophthalmology Society, APTOS 2019 blindness detection (Kaggle, 2019)"
    )
    files = "get it from Kaggle's aptos2019-blindness-detection and unpack it into aptos2019/."

    def load_table(self) -> SampleTable:
        """Labels sorted by image id."""
        place = self.located()
        paths = place.tables(LAYOUTS.labels)
        labels = read_labels(*paths)
        ids = sorted(labels)
        digits = tuple(str(g) for g in range(len(GRADES)))
        target = class_indices(str(paths[0]), ids, [labels[i] for i in ids], digits)
        return SampleTable(np.array(ids), target, path=self.images_of(ids, place))
