"""Optical coherence tomography of the macula, from Mexico: with diabetic macular edema or without.

The label is of the image: 11 of 820 patients have both. The grade of retinopathy (``dr``), which
the source gives, too, is tied to the label and is not read.
"""

from typing import ClassVar

from .core.listed import BY_IMAGE, ListedData


class OCTMX(ListedData):
    """All B-scans, split by patient."""

    slugs = ("oct_mx",)
    variants = BY_IMAGE
    folders = ("oct_mx",)
    columns = ("group",)
    telling = ("eye", "dr")
    class_names = ("no_dme", "dme")
    critical = ("dme",)
    in_channels = 1
    faithful = "mirror"
    modality = "OCT"
    title = "Macular OCT of Mexico: diabetic macular edema (DME)"
    licence = "none found, all rights reserved: do not pass it on, publish no image"
    permission = "none"
    citation = (
        "J. A. Hughes Cano, U. Olivares Pinto, S. C. Thebault, Dataset of Eye Fundus and OCT "
        "Images for the study of Diabetic Macular Edema and Diabetic Retinopathy (year and venue "
        "not verified)"
    )
    files = (
        "get the scans and OCT.csv of the repository Traslational-Visual-Health-Laboratory/"
        "OCT-AND-EYE-FUNDUS-DATASET, and write oct_mx/labels.csv (image, label: dme or no_dme, "
        "group: the patient) beside them."
    )
    told: ClassVar[dict[str, str]] = {
        "groups are": "patients by number; the source has 12 scans twice, each under two numbers, "
        "so some patients may still be listed under two",
        "beware": "the source's grade of retinopathy is tied to the label (none only without DME): "
        "no feature",
    }
