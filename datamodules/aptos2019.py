"""APTOS 2019 blindness detection: five grades of diabetic retinopathy in fundus photographs."""

from pathlib import Path

import numpy as np

from .core.base import ImageDataModule
from .core.labels import by_id, class_indices, read_rows
from .core.table import SampleTable

GRADES = ("none", "mild", "moderate", "severe", "proliferative")


def read_labels(path: Path) -> dict[str, str]:
    """Grade, ``0`` to ``4``, of each image id."""
    rows = by_id(read_rows(path, ("id_code", "diagnosis")), "id_code")
    return {name: row["diagnosis"].strip() for name, row in rows.items()}


class APTOS2019(ImageDataModule):
    """APTOS 2019 training images, split by image: patients are not known."""

    slugs = ("aptos2019",)
    copies = "exclude"  # the competition's images hold copies of each other
    folders = ("aptos2019", "")
    class_names = GRADES
    modality = "fundus"
    ordinal = True
    title = "APTOS 2019 blindness detection (training images)"
    licence = "none open (competition rules): do not pass it on"
    citation = (
        "Asia Pacific Tele-Ophthalmology Society, APTOS 2019 blindness detection (Kaggle, 2019)"
    )
    files = "it needs train.csv and train_images/*.png from Kaggle's aptos2019-blindness-detection."

    def load_table(self) -> SampleTable:
        """Labels sorted by image id."""
        folder = self.folder_with("train_images", "train.csv")
        path = folder / "train.csv"
        if not path.exists():
            raise self.missing(path)
        labels = read_labels(path)
        ids = sorted(labels)
        digits = tuple(str(g) for g in range(len(GRADES)))
        target = class_indices(str(path), ids, [labels[i] for i in ids], digits)
        return SampleTable(np.array(ids), target, path=self.paths_of(ids, folder, "train_images"))
