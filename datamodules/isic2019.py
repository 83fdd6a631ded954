"""ISIC 2019: eight classes of skin lesions (HAM10000, BCN20000 and MSK), split by lesion.

All images of HAM10000 are among them: never train on one and test on the other.
"""

from pathlib import Path

import numpy as np

from .core.base import ImageDataModule
from .core.errors import DataError
from .core.labels import by_id, class_indices, one_hot, read_rows
from .core.table import SampleTable

CLASSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")
TRUTH, METADATA = "ISIC_2019_Training_GroundTruth.csv", "ISIC_2019_Training_Metadata.csv"
IMAGES = "ISIC_2019_Training_Input"


def read_labels(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Ids, sorted, with the class and the lesion of each; an image without lesion is its own.

    Raises:
        DataError: an image has no metadata, or stands twice.
    """
    rows = by_id(read_rows(folder / TRUTH, ("image", *CLASSES)), "image")
    columns = (*CLASSES, *(["UNK"] if "UNK" in next(iter(rows.values())) else []))
    labels = dict(zip(rows, one_hot(rows.values(), columns), strict=True))
    metadata = by_id(read_rows(folder / METADATA, ("image", "lesion_id")), "image")
    lesions = {name: row["lesion_id"].strip() for name, row in metadata.items()}
    unknown = sorted(labels.keys() - lesions.keys())
    if unknown:
        raise DataError(
            f"{folder / METADATA}: no row for {len(unknown)} images of {TRUTH} (the first is "
            f"'{unknown[0]}'): take both files from the same release"
        )
    ids = sorted(labels)
    return ids, [labels[i] for i in ids], [lesions[i] or f"image {i}" for i in ids]


class ISIC2019(ImageDataModule):
    """ISIC 2019 training images by lesion. ``UNK``, which no training image has, is no class."""

    slugs = ("isic2019",)
    copies = "exclude"
    folders = ("isic2019", "")
    class_names = CLASSES
    modality = "dermoscopy"
    title = "ISIC 2019 (training images)"
    licence = "CC BY-NC 4.0 (non-commercial)"
    citation = (
        "P. Tschandl et al., Scientific Data 5, 180161 (2018); N. Codella et al., ISBI 2018; "
        "M. Combalia et al., BCN20000: dermoscopic lesions in the wild, arXiv:1908.02288"
    )
    files = f"it needs {TRUTH}, {METADATA} and {IMAGES}/ from the ISIC 2019 challenge page."

    def load_table(self) -> SampleTable:
        """Ground truth and metadata, sorted by image id."""
        folder = self.folder_with(TRUTH)
        if not (folder / METADATA).exists():
            raise self.missing(folder / METADATA)
        ids, labels, lesions = read_labels(folder)
        target = class_indices(str(folder / TRUTH), ids, labels, CLASSES)
        paths = self.paths_of(ids, folder, IMAGES)
        return SampleTable(np.array(ids), target, np.array(lesions), path=paths)
