"""Chula RBC-12: red blood cells of twelve types, cut out of images of blood smears.

A group is the image of a smear, which is a field of view and no patient. ``uncategorised`` is a
rest class, and no type of cell. The 1,052 elliptocytes that the source added in 2021 are left out.
"""

from typing import ClassVar

from .core.listed import BY_IMAGE, ListedData

CLASSES = (
    "normal", "spherocyte", "target_cell", "ovalocyte", "stomatocyte", "hypochromia",
    "schistocyte", "burr_cell", "macrocyte", "microcyte", "teardrop", "uncategorised",
)  # fmt: skip


class ChulaRBC12(ListedData):
    """All cells, split by the image they are cut from: patients are not known."""

    slugs = ("chula_rbc12",)
    variants = BY_IMAGE
    folders = ("chula_rbc12",)
    columns = ("group",)
    telling = ("x", "y")
    class_names = CLASSES
    modality = "blood smear"
    title = "Chula RBC-12, cut-out red blood cells"
    licence = "MIT (the repository's, which covers the data there)"
    permission = "own licence"
    citation = (
        "K. Naruenatthanaset et al., Red Blood Cell Segmentation with Overlapping Cell Separation "
        "and Classification on Imbalanced Dataset, arXiv:2012.01321"
    )
    files = (
        "get the repository Chula-PIC-Lab/Chula-RBC-12-Dataset, cut 80 x 80 pixels around the "
        "centre of each cell, and write chula_rbc12/labels.csv (image, label, group: the number of "
        "the smear's image) beside them."
    )
    told: ClassVar[dict[str, str]] = {
        "groups are": "images of smears, fields of view: which are of one patient is not "
        "published, so leaks between patients cannot be excluded",
        "beware": "of 218 cells that the source labelled twice, 36 (16.5 %) have two classes: a "
        "rough ceiling of any accuracy; neighbouring cells are in the picture; uncategorised is a "
        "rest class",
    }
