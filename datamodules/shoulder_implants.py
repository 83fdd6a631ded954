"""X-rays of shoulder implants, by four makers. Which of 16 models it is, is not given."""

from typing import ClassVar

from .core.listed import ListedData


class ShoulderImplants(ListedData):
    """All images, split by image: patients are not known."""

    slugs = ("shoulder_implants",)
    folders = ("shoulder_implants",)
    class_names = ("depuy", "zimmer", "cofield", "tornier")
    in_channels = 1
    faithful = "mirror"
    modality = "X-ray"
    title = "X-rays of shoulder implants, by maker"
    licence = "not verified (CC BY 4.0 by a third party): publish no image"
    citation = (
        "G. Urban et al., Classifying shoulder implants in X-ray images using deep learning, "
        "Comput. Struct. Biotechnol. J. 18, 967-972 (2020)"
    )
    files = (
        "get the images of UCI's Shoulder Implant X-Ray Manufacturer Classification "
        "(doi:10.24432/C5F893 by a third party), whose names begin with the maker, and write "
        "shoulder_implants/labels.csv (image, label) beside them."
    )
    told: ClassVar[dict[str, str]] = {
        "groups are": "not known: by a third party's note eight images of repeated patients had "
        "been taken out",
        "beware": "where the images came from and how they were reduced is not verified",
    }
