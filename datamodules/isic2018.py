"""HAM10000, the training images of ISIC 2018 task 3: seven classes of pigmented skin lesions.

Three layouts are read, and give the same table and the same splits:

- official: ``ISIC2018_Task3_Training_Input/*.jpg``, ``ISIC2018_Task3_Training_GroundTruth.csv`` and
  ``ISIC2018_Task3_Training_LesionGroupings.csv``;
- Kaggle's: ``HAM10000_metadata.csv`` with ``HAM10000_images_part_1``, ``..._part_2`` or ``images``;
- the labels of either with the small form that ``medtail data prepare isic2018`` writes.

Label files that lie side by side must agree.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .core.base import ImageDataModule
from .core.errors import DataError, DataMissingError
from .core.labels import Row, agree, by_id, class_indices, one_hot, read_rows
from .core.splitting.splits import group_split
from .core.table import SPLITS, SampleTable

CLASSES = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
TRUTH = "ISIC2018_Task3_Training_GroundTruth.csv"
GROUPINGS = "ISIC2018_Task3_Training_LesionGroupings.csv"
METADATA = "HAM10000_metadata.csv"
IMAGE_FOLDERS = {
    "ISIC2018_Task3_Training_Input": "official JPEG",
    "HAM10000_images_part_1": "Kaggle JPEG",
    "HAM10000_images_part_2": "Kaggle JPEG",
    "images": "JPEG of the folder images",
}


def read_labels(folder: Path) -> dict[str, str]:
    """Class of each image id, from every label file in ``folder``, which must agree."""
    found: dict[Path, dict[str, str]] = {}
    if (path := folder / TRUTH).exists():
        rows = by_id(read_rows(path, ("image", *CLASSES)), "image")
        found[path] = dict(zip(rows, one_hot(rows.values(), CLASSES), strict=True))
    if (path := folder / METADATA).exists():
        rows = by_id(read_rows(path, ("image_id", "dx")), "image_id")
        found[path] = {i: row["dx"].upper() for i, row in rows.items()}
    first, *others = found
    for other in others:
        agree(first, found[first], other, found[other])
    return found[first]


def read_lesions(folder: Path, labels: Mapping[str, str]) -> dict[str, str]:
    """Lesion of each image id; raises ``DataError`` where no file knows it."""
    for name, key in ((GROUPINGS, "image"), (METADATA, "image_id")):
        if (path := folder / name).exists():
            rows = by_id(read_rows(path, (key, "lesion_id")), key)
            lesions = {i: row["lesion_id"].strip() for i, row in rows.items()}
            unknown = sorted(i for i in labels if not lesions.get(i))
            if unknown:
                raise DataError(
                    f"{path}: no lesion_id for {len(unknown)} of {len(labels)} images (the first "
                    f"is '{unknown[0]}'): without it the same lesion can stand in train and test"
                )
            return lesions
    raise DataError(
        f"isic2018: {folder} has labels but no lesion ids: add {GROUPINGS} or {METADATA}, as "
        "without them the same lesion can stand in train and test"
    )


class ISIC2018(ImageDataModule):
    """HAM10000 by lesion; the two published ways to split it by image are marked as leaking."""

    slugs = ("isic2018",)
    variants: ClassVar[dict[str, str]] = {
        "leaky_image": "split by image, as DermaMNIST does; seeded, stratified by class",
        "leaky_ecl": "the lists of ECL (MICCAI 2023), by image: splits_ecl/ISIC2018_*.csv",
    }
    copies = "exclude"
    folders = ("ham10000", "isic2018", "")
    class_names = CLASSES
    modality = "dermoscopy"
    title = "HAM10000 = ISIC 2018 task 3 (training images)"
    licence = "CC BY-NC 4.0 (non-commercial)"
    citation = (
        "P. Tschandl, C. Rosendahl, H. Kittler, The HAM10000 dataset, Scientific Data 5, 180161 "
        "(2018); N. Codella et al., Skin lesion analysis toward melanoma detection 2018, "
        "arXiv:1902.03368"
    )
    files = (
        f"it needs {TRUTH}, {GROUPINGS} and ISIC2018_Task3_Training_Input/ from the ISIC 2018 "
        f"challenge page, or {METADATA} with its image folders from Harvard Dataverse or Kaggle."
    )

    def load_table(self) -> SampleTable:
        """Labels and lesions, sorted by image id, so that no split depends on the layout."""
        folder = self.folder_with(TRUTH, METADATA)
        labels = read_labels(folder)
        lesions = read_lesions(folder, labels)
        ids = sorted(labels)
        target = class_indices(str(folder), ids, [labels[i] for i in ids], CLASSES)
        table = SampleTable(
            id=np.array(ids),
            target=target,
            group=np.array([lesions[i] for i in ids]),
            split=self._published_split(folder, labels, target),
        )
        inside = [name for name in IMAGE_FOLDERS if (folder / name).is_dir()]
        if not inside:
            self.prepared_or(self.missing(*(folder / name for name in IMAGE_FOLDERS)))
            return table
        self.source = IMAGE_FOLDERS[inside[0]]
        return SampleTable(
            table.id, target, table.group, table.split, self.paths_of(ids, folder, *inside)
        )

    def _published_split(
        self, folder: Path, labels: Mapping[str, str], target: NDArray[np.int64]
    ) -> NDArray[np.str_] | None:
        if self.name.variant == "leaky_ecl":
            return self._ecl_split(folder, labels)
        if self.name.variant == "leaky_image":
            return group_split(target, np.array(sorted(labels)), self.split_seed)
        return None

    def _ecl_split(self, folder: Path, labels: Mapping[str, str]) -> NDArray[np.str_]:
        place: list[str] = []
        rows: list[Row] = []
        lists = {s: folder / "splits_ecl" / f"ISIC2018_{s}.csv" for s in SPLITS}
        for split, path in lists.items():
            if not path.exists():
                raise DataMissingError(
                    f"isic2018+leaky_ecl: {path} not found: get ISIC2018_train.csv, ..._val.csv "
                    "and ..._test.csv from the repository zylbuaa/ECL"
                )
            rows += read_rows(path, ("image", "category"))
            place += [split] * (len(rows) - len(place))
        listed = by_id(rows, "image")
        said = {i: row["category"].upper() for i, row in listed.items()}
        agree(folder, labels, lists["train"].parent, said)
        return np.array([s for _, s in sorted(zip(listed, place, strict=True))])
