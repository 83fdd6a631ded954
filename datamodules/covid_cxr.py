"""COVID-19 image data collection: chest X-rays of pneumonias from many places, split by patient.

The two smallest classes have 12 images each, so scores swing widely, and where an image came from
gives its label away: a score says nothing of diagnosis, which the collection asks not to claim.
"""

from typing import ClassVar
from urllib.parse import urlsplit

from .core.listed import BY_IMAGE, ListedData


class CovidCXR(ListedData):
    """All images, split by patient."""

    slugs = ("covid_cxr",)
    variants = BY_IMAGE
    folders = ("covid_cxr",)
    columns = ("group",)
    telling = ("view", "licence", "url")
    class_names = ("covid19", "bacterial", "fungal", "no_finding")
    in_channels = 1
    faithful = "none"
    modality = "X-ray"
    title = "COVID-19 image data collection, chest X-rays"
    licence = (
        "of each image its own, 153 of 253 non-commercial and share-alike; the labels CC BY-NC-SA "
        "4.0"
    )
    permission = "own licence"
    citation = (
        "J. P. Cohen, P. Morrison, L. Dao, COVID-19 image data collection, arXiv:2003.11597; "
        "J. P. Cohen et al., COVID-19 Image Data Collection: Prospective Predictions Are the "
        "Future, arXiv:2006.11988"
    )
    files = (
        "get the images and metadata of the repository ieee8023/covid-chestxray-dataset, and write "
        "covid_cxr/labels.csv (image, label, group: the patient, and perhaps licence) beside them."
    )
    told: ClassVar[dict[str, str]] = {
        "groups are": "patients; 4 of them have images of covid19 and of no_finding",
        "beware": "the origin gives the label away: the 92 images of ml-workgroup/"
        "covid-19-image-repository are covid19 (84) and no_finding (8), all bacterial and fungal "
        "ones are of radiopaedia, eurorad or Wikipedia, all 31 AP views are covid19; the two "
        "smallest classes have 12 images each; claim no diagnosis",
    }

    def beside(self) -> dict[str, list[str]]:
        """View, licence, and of the address of origin the host."""
        known = super().beside()
        if "url" in known:
            known["origin"] = [urlsplit(url).netloc for url in known.pop("url")]
        return known
