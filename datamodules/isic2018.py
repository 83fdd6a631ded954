"""HAM10000, the training images of ISIC 2018 task 3: seven classes of pigmented skin lesions.

The challenge's files and those of Harvard Dataverse or Kaggle give the same table and the same
splits. Label files that lie side by side must agree.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .core.base import ImageDataModule
from .core.errors import DataError, DataMissingError
from .core.labels import Row, agree, by_id, class_indices, id_of, one_hot, read_rows
from .core.layouts import ANYWHERE, Layouts, Part, Place
from .core.splitting.splits import balanced_split, group_split
from .core.subgroups import kept
from .core.table import SPLITS, SampleTable

CLASSES = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
TRUTH = "ISIC2018_Task3_Training_GroundTruth.csv"
GROUPINGS = "ISIC2018_Task3_Training_LesionGroupings.csv"
METADATA = "HAM10000_metadata.csv"
OFFICIAL, VIENNA = "the challenge", "Harvard Dataverse or Kaggle"
LAYOUTS = Layouts(
    labels=(Part((TRUTH, GROUPINGS), OFFICIAL), Part((METADATA,), VIENNA)),
    images=(
        Part(("ISIC2018_Task3_Training_Input",), OFFICIAL, whole=True),
        Part(("HAM10000_images_part_1", "HAM10000_images_part_2"), VIENNA, whole=True),
        Part(("HAM10000_images",), "both parts in one"),
        Part(("images",), "any size"),
        ANYWHERE,
    ),
)
SOURCES = {
    OFFICIAL: "official JPEG",
    VIENNA: "Kaggle JPEG",
    "any size": "JPEG of the folder images",
}
# What the challenge validated and tested on.
HELD_OUT = {
    "val": (
        "ISIC2018_Task3_Validation_GroundTruth.csv",
        (Part(("ISIC2018_Task3_Validation_Input",), OFFICIAL, whole=True), ANYWHERE),
    ),
    "test": (
        "ISIC2018_Task3_Test_GroundTruth.csv",
        (
            Part(("ISIC2018_Task3_Test_Input",), OFFICIAL, whole=True),
            Part(("ISIC2018_Task3_Test_Images",), VIENNA, whole=True),
            ANYWHERE,
        ),
    ),
}
# Of the challenge's own images, which a variant has beside the training ones.
BESIDE = {
    "challenge": ("val", "test"),
    "leaky_bpaco_balanced": ("val",),
    "bmn_official_val": ("val",),
}
BALANCED = {"val": 20, "test": 40}  # images of each class


def layouts_of(variant: str) -> Layouts:
    """What must lie here for a variant: its label files beside those of the training images."""
    more = tuple(HELD_OUT[split][0] for split in BESIDE.get(variant, ()))
    labels = (Part((*part.names, *more), part.whose) for part in LAYOUTS.labels)
    return replace(LAYOUTS, labels=tuple(labels))


def read_classes(path: Path) -> dict[str, str]:
    """Class of each image id, in the form of the challenge or in that of Dataverse."""
    rows = read_rows(path, ("image", *CLASSES), ("image_id", "dx"))
    if "dx" in rows[0]:
        named = by_id(rows, "image_id", id_of)
        return {i: row["dx"].upper() for i, row in named.items()}
    named = by_id(rows, "image", id_of)
    return dict(zip(named, one_hot(named.values(), CLASSES), strict=True))


def read_labels(files: Mapping[str, Path]) -> dict[str, str]:
    """Class of each image id, from every label file of ``files``, which must agree."""
    found = {files[n]: read_classes(files[n]) for n in (TRUTH, METADATA) if n in files}
    first, *others = found
    for other in others:
        agree(first, found[first], other, found[other])
    return found[first]


def read_lesions(files: Mapping[str, Path], labels: Mapping[str, str]) -> dict[str, str]:
    """Lesion of each image id; raises ``DataError`` where no file knows it."""
    name, key = (GROUPINGS, "image") if GROUPINGS in files else (METADATA, "image_id")
    rows = by_id(read_rows(files[name], (key, "lesion_id")), key, id_of)
    lesions = {i: row["lesion_id"].strip() for i, row in rows.items()}
    unknown = sorted(i for i in labels if not lesions.get(i))
    if unknown:
        raise DataError(
            f"{files[name]}: no lesion_id for {len(unknown)} of {len(labels)} images (the first "
            f"is '{unknown[0]}'): without it the same lesion can stand in train and test"
        )
    return lesions


class ISIC2018(ImageDataModule):
    """HAM10000 by lesion; the two published ways to split it by image are marked as leaking."""

    slugs = ("isic2018",)
    variants: ClassVar[dict[str, str]] = {
        "challenge": "trained on all, validated and tested on the challenge's own images, whose "
        "lesions are not published: each counts as one",
        "leaky_bpaco_balanced": "BPaCo's: training and official validation images in one, of each "
        "class 20 to validate and 40 to test, drawn by image (its own lists are not known)",
        "bmn_official_val": "BMN's: tested on the challenge's 193 validation images (of DF one), "
        "whose lesions are not published: whether training has them, too, nobody can tell; a tenth "
        "of the training images, by lesion, validates",
        "leaky_image": "split by image, as DermaMNIST does; seeded, stratified by class",
        "leaky_ecl": "the lists of ECL (MICCAI 2023), by image: splits_ecl/ISIC2018_*.csv",
    }
    copies = "exclude"
    folders = ("ham10000", "isic2018", "")
    layouts = LAYOUTS
    class_names = CLASSES
    critical = ("MEL", "BCC", "AKIEC")  # malignant, and what becomes it (Tschandl et al. 2018)
    modality = "dermoscopy"
    title = "HAM10000 = ISIC 2018 task 3 (training images)"
    licence = "CC BY-NC 4.0 (non-commercial)"
    permission = "own licence"
    citation = (
        "P. Tschandl, C. Rosendahl, H. Kittler, The HAM10000 dataset, Scientific Data 5, 180161 "
        "(2018); N. Codella et al., Skin lesion analysis toward melanoma detection 2018, "
        "arXiv:1902.03368"
    )
    files = (
        f"get ISIC2018_Task3_Training_Input.zip, ..._GroundTruth.zip and {GROUPINGS} from the ISIC "
        "2018 challenge page, or the images and metadata of HAM10000 from Harvard Dataverse or "
        "Kaggle (lesion ids are needed: a lesion has several images), and unpack them into "
        "ham10000/."
    )

    def load_table(self) -> SampleTable:
        """Labels and lesions, sorted by image id, so that no split depends on the layout."""
        self.layouts = layouts_of(self.name.variant)
        place = self.located()
        labels = read_labels(place.labels)
        lesions = read_lesions(place.labels, labels)
        ids = sorted(labels)
        target = class_indices(str(place.folder), ids, [labels[i] for i in ids], CLASSES)
        split = self._published_split(place.folder, labels, target)
        paths = self.images_of(ids, place)
        if self.taken:
            self.source = SOURCES.get(self.taken.whose, "JPEG")
        group = np.array([lesions[i] for i in ids])
        table = SampleTable(np.array(ids), target, group, split, paths)
        if self.name.variant not in BESIDE:
            return table
        table = self._with_held_out(table, place)
        return replace(table, split=self._parted(table))

    def subgroups(self) -> dict[str, list[str]]:
        """As the metadata of Dataverse have them, where they lie here."""
        place = self.located()
        file = place.labels.get(METADATA)
        if file is None:
            return {}
        columns = {"age": "age", "sex": "sex", "site": "localization"}
        rows = by_id(read_rows(file, ("image_id",)), "image_id", id_of)
        known: list[Mapping[str, str]] = [rows.get(i, {}) for i in self.table.id.tolist()]
        return {
            trait: kept(str(file), trait, [row.get(column, "") for row in known])
            for trait, column in columns.items()
        }

    def _with_held_out(self, train: SampleTable, place: Place) -> SampleTable:
        """The table, and below it what the challenge validated and tested on."""
        group = [] if train.group is None else train.group.tolist()
        ids, target, split = [train.id], [train.target], ["train"] * len(train)
        paths = [train.path]
        for name in BESIDE[self.name.variant]:
            file, parts = HELD_OUT[name]
            classes = read_classes(place.labels[file])
            known = sorted(classes)
            labels = [classes[i] for i in known]
            target.append(class_indices(str(place.labels[file]), known, labels, CLASSES))
            ids.append(np.array(known))
            group += [f"image {i}" for i in known]
            split += [name] * len(known)
            paths.append(self.images_of(known, place, *parts))
        return SampleTable(
            np.concatenate(ids),
            np.concatenate(target),
            np.array(group),
            np.array(split),
            None if None in paths else tuple(path for part in paths for path in part or ()),
        )

    def _parted(self, table: SampleTable) -> NDArray[np.str_]:
        """The splits of a variant that has some of the challenge's own images."""
        assert table.split is not None
        if self.name.variant == "leaky_bpaco_balanced":
            return balanced_split(
                self.name.source, table.target, CLASSES, BALANCED, self.split_seed
            )
        if self.name.variant == "bmn_official_val":
            assert table.group is not None
            ours = table.split == "train"
            split = np.where(ours, "train", "test").astype("<U5")
            names, shares = ("train", "val"), (0.9, 0.1)
            drawn = group_split(
                table.target[ours], table.group[ours], self.split_seed, shares, names
            )
            split[ours] = drawn
            return split
        return table.split

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
