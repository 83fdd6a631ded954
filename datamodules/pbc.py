"""Single cells of peripheral blood: eight types of normal cells, of healthy persons.

The neutrophils and the immature granulocytes (``ig``) have subtypes in their names (``BNE_``,
``SNE_``, ``MY_``, ...), which are not read. Persons and smears are not published.

17,074 of the published 17,092 images are known here: 17 pairs of the download are byte-equal, one
of them (BNE_191112 = EO_225902) under two labels.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np

from .core.labels import class_indices
from .core.listed import ListedData
from .core.spelling import key
from .core.table import SampleTable

CLASSES = (
    "basophil", "eosinophil", "erythroblast", "ig", "lymphocyte", "monocyte", "neutrophil",
    "platelet",
)  # fmt: skip


def class_of(path: Path) -> str:
    """The class that an image's folder is called by; empty where it is none."""
    return next((name for name in CLASSES if key(path.parent.name) == name), "")


class PBC(ListedData):
    """All cells, split by image: persons are not known."""

    slugs = ("pbc",)
    folders = ("pbc",)
    class_names = CLASSES
    modality = "blood smear"
    title = "PBC, single cells of peripheral blood"
    licence = "CC BY 4.0 (as third parties state it; the data's own page was not seen)"
    permission = "third parties"
    citation = (
        "A. Acevedo et al., A dataset of microscopic peripheral blood cell images for development "
        "of automatic recognition systems, Data in Brief 30, 105474 (2020) (volume and number not "
        "verified)"
    )
    files = (
        "get the images of doi:10.17632/snkd93bnjr.1 and unpack them into pbc/, a folder a class, "
        "or write pbc/labels.csv (image, label) beside them."
    )
    told: ClassVar[dict[str, str]] = {
        "groups are": "not known, as no person or smear is published: cells of one person may be "
        "on both sides of any split, so scores are optimistic",
        "beware": "453 images are of a second batch, which is tied to the subtype and is told by "
        "the size and the comment of the original file: use no file metadata",
        "same images": "BloodMNIST, by its 8 classes and 17,092 images of 360 x 363 pixels: never "
        "train on one and test on the other",
    }

    def unpacked(self) -> SampleTable | None:
        """Images in a folder of their class, sorted by name."""
        found = {name: path for name, path in self.found().items() if class_of(path)}
        if not found:
            return None
        self.source = "JPEG of the download, whole"
        ids = sorted(found)
        target = class_indices(self.title, ids, [class_of(found[i]) for i in ids], CLASSES)
        return SampleTable(np.array(ids), target, path=tuple(found[i] for i in ids))
