"""Lung ultrasound at the point of care: frames of clips from many sites, split by patient.

Frames of one clip are nearly alike: never split them. Viral pneumonia is of four patients, so its
scores swing widely.
"""

from typing import ClassVar

from .core.listed import BY_IMAGE, ListedData

CLASSES = ("regular", "bacterial_pneumonia", "covid19", "viral_pneumonia")


class POCUSLung(ListedData):
    """All frames, split by patient."""

    slugs = ("pocus_lung",)
    variants = BY_IMAGE
    folders = ("pocus_lung",)
    columns = ("group",)
    same: ClassVar[dict[str, str]] = {"p198": "p192"}
    telling = ("probe", "licence")
    class_names = CLASSES
    in_channels = 1
    faithful = "mirror"
    modality = "ultrasound"
    title = "POCUS, frames of lung ultrasound"
    licence = "of each clip its own, 811 of 1,249 frames non-commercial, 172 share-alike"
    permission = "own licence"
    citation = (
        "J. Born et al., Accelerating Detection of Lung Pathologies with Explainable Ultrasound "
        "Image Analysis, Applied Sciences 11(2), 672 (2021)"
    )
    files = (
        "get the clips of the repository jannisborn/covid19_ultrasound, take frames of them, and "
        "write pocus_lung/labels.csv (image, label, group: the patient, and perhaps licence) "
        "beside them."
    )
    told: ClassVar[dict[str, str]] = {
        "groups are": "patients; p192 and p198 are taken for one, as a frame of each is nearly the "
        "same and likely of one recording; patient p37 has two classes",
        "beware": "viral pneumonia is of 5 clips of 4 patients; the probe tells the class in part "
        "(30 of 50 viral frames are of a linear one, 30 of 597 regular ones)",
    }
