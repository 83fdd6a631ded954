"""ISIC 2019: eight classes of skin lesions (HAM10000, BCN20000 and MSK), split by lesion.

All images of HAM10000 are among them: never train on one and test on the other.
"""

from pathlib import Path

import numpy as np

from .core.base import ImageDataModule
from .core.errors import DataError
from .core.labels import by_id, class_indices, id_of, one_hot, read_rows
from .core.layouts import ANYWHERE, Layouts, Part
from .core.subgroups import kept
from .core.table import SampleTable

CLASSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")
TRUTH, METADATA = "ISIC_2019_Training_GroundTruth.csv", "ISIC_2019_Training_Metadata.csv"
IMAGES = "ISIC_2019_Training_Input"


REDUCED = "_downsampled"  # how the ids of large MSK images end, and not always their files
LAYOUTS = Layouts(
    labels=(Part((TRUTH, METADATA), "the challenge"),),
    images=(Part((IMAGES,), "the challenge", whole=True), ANYWHERE),
)


def read_labels(truth: Path, metadata: Path) -> tuple[list[str], list[str], list[str]]:
    """Ids, sorted, with the class and the lesion of each; an image without lesion is its own.

    Raises:
        DataError: an image has no metadata, or stands twice.
    """
    rows = by_id(read_rows(truth, ("image", *CLASSES)), "image", id_of)
    columns = (*CLASSES, *(["UNK"] if "UNK" in next(iter(rows.values())) else []))
    labels = dict(zip(rows, one_hot(rows.values(), columns), strict=True))
    known = by_id(read_rows(metadata, ("image", "lesion_id")), "image", id_of)
    lesions = {name: row["lesion_id"].strip() for name, row in known.items()}
    unknown = sorted(labels.keys() - lesions.keys())
    if unknown:
        raise DataError(
            f"{metadata}: no row for {len(unknown)} images of {truth.name} (the first is "
            f"'{unknown[0]}'): take both files from the same release"
        )
    ids = sorted(labels)
    return ids, [labels[i] for i in ids], [lesions[i] or f"image {i}" for i in ids]


class ISIC2019(ImageDataModule):
    """ISIC 2019 training images by lesion. ``UNK``, which no training image has, is no class."""

    slugs = ("isic2019",)
    copies = "exclude"
    folders = ("isic2019", "")
    layouts = LAYOUTS
    class_names = CLASSES
    critical = ("MEL", "BCC", "AK", "SCC")
    modality = "dermoscopy"
    title = "ISIC 2019 (training images)"
    licence = "CC BY-NC 4.0 (non-commercial)"
    permission = "own licence"
    citation = (
        "P. Tschandl et al., Scientific Data 5, 180161 (2018); N. Codella et al., ISBI 2018; "
        "M. Combalia et al., BCN20000: dermoscopic lesions in the wild, arXiv:1908.02288"
    )
    files = (
        f"get {TRUTH}, {METADATA} and {IMAGES}.zip from the ISIC 2019 challenge page and unpack "
        "them into isic2019/."
    )

    def load_table(self) -> SampleTable:
        """Ground truth and metadata, sorted by image id."""
        place = self.located()
        truth, metadata = place.tables(LAYOUTS.labels)
        ids, labels, lesions = read_labels(truth, metadata)
        target = class_indices(str(truth), ids, labels, CLASSES)
        paths = self.images_of(ids, place, ending=REDUCED)
        return SampleTable(np.array(ids), target, np.array(lesions), path=paths)

    def subgroups(self) -> dict[str, list[str]]:
        """As the challenge's metadata have them."""
        _, metadata = self.located().tables(LAYOUTS.labels)
        columns = {"age": "age_approx", "sex": "sex", "site": "anatom_site_general"}
        rows = by_id(read_rows(metadata, ("image", *columns.values())), "image", id_of)
        known = [rows[i] for i in self.table.id.tolist()]
        return {
            trait: kept(str(metadata), trait, [row[column] for row in known])
            for trait, column in columns.items()
        }
