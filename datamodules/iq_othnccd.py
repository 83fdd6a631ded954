"""IQ-OTH/NCCD: slices of chest CT, normal, benign or malignant, split in blocks of numbers.

Patients are not published, and neighbouring slices are nearly alike. Slices are numbered along
patients, if only roughly: each class is cut into three blocks of numbers, and a patient may still
straddle a border. Split at random, slices leak: a logistic regression on frozen features had a
balanced accuracy of 0.983 so, and 0.450 by blocks.
"""

import re
from typing import ClassVar

import numpy as np

from .core.labels import class_indices
from .core.listed import BY_IMAGE, ListedData
from .core.table import SampleTable

CLASSES = ("normal", "benign", "malignant")
NAME = re.compile(r"(bengin|benign|malignant|normal) case \((\d+)\)", re.IGNORECASE)
# The last number of train and of val; the others are test.
BORDERS = {"normal": (278, 323), "benign": (84, 100), "malignant": (401, 458)}
# Numbers of files that are byte-equal to another one of their class, which is kept.
COPIES = {
    "normal": range(406, 417),
    "benign": (8, 16, 18, 23, 27, 63, 65, 72, 75, 85, 91, 95, 97, 105, 107, 113, 115),
    "malignant": (60, 62, 65, 68, 71, 73, 138, 139, 140, 141, 148, 152, 155, 156),
}


def class_and_number(name: str) -> tuple[str, int] | None:
    """Of a file of the download, such as ``Bengin case (8)``; None for copies and other files."""
    if not (told := NAME.fullmatch(name.strip())):
        return None
    label, number = told[1].lower().replace("bengin", "benign"), int(told[2])
    return None if number in COPIES[label] else (label, number)


def block(label: str, number: int) -> str:
    """The split of a slice."""
    train, val = BORDERS[label]
    return "train" if number <= train else "val" if number <= val else "test"


class IQOTHNCCD(ListedData):
    """All slices in blocks."""

    slugs = ("iq_othnccd",)
    variants = BY_IMAGE
    folders = ("iq_othnccd",)
    columns = ("split",)
    class_names = CLASSES
    critical = ("malignant",)
    in_channels = 1
    faithful = "none"
    modality = "CT"
    title = "IQ-OTH/NCCD, slices of chest CT"
    licence = "CC BY 4.0 (as third parties state it; the data's own page was not seen)"
    permission = "third parties"
    split_by = "by blocks of file numbers: no patients are published"
    citation = (
        "H. Alyasriy, M. AL-Huseiny, The IQ-OTH/NCCD lung cancer dataset, Mendeley Data, "
        "doi:10.17632/bhmdr45bh2"
    )
    files = (
        "get the images of doi:10.17632/bhmdr45bh2 and unpack them into iq_othnccd/ under their "
        "own names, such as 'Bengin case (8).jpg', or write iq_othnccd/labels.csv (image, label, "
        "split) beside them."
    )
    told: ClassVar[dict[str, str]] = {
        "groups are": "not known, as no patient is published (110 cases by the text that comes "
        "with it): the default split is by blocks of numbers, and a patient may straddle a border"
    }

    def unpacked(self) -> SampleTable | None:
        """Images by the names of the download, sorted by class and number."""
        found = {}
        for name, path in self.found().items():
            if told := class_and_number(name):
                found["{}_{:03d}".format(*told)] = (path, *told)
        if not found:
            return None
        self.source = "JPEG of the download, whole"
        ids = sorted(found)
        target = class_indices(self.title, ids, [found[i][1] for i in ids], CLASSES)
        split = np.array([block(*found[i][1:]) for i in ids])
        paths = tuple(found[i][0] for i in ids)
        return SampleTable(np.array(ids), target, None, split, paths)
