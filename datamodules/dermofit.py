"""Dermofit image library: ten classes of skin lesions, a photograph and a mask of each.

Written from memory of the library's description (Edinburgh, 2013; sold under an academic licence),
not seen: 1,300 lesions in ten classes, an archive a class, in it a folder a lesion with
``<id>.png`` and ``<id>mask.png``. Short names of classes and the counts AK 45, BCC 239, ML 331,
SCC 88, SK 257, MEL 76, DF 65, VASC 97, PYO 24, IEC 78 are recalled and unverified. Images of any
other class or count are read just as well as long as the archives have these names.
"""

import io
import zipfile
from pathlib import Path

import numpy as np

from .core.base import ImageDataModule
from .core.errors import DataError
from .core.pixels.cache import UNREADABLE, Pixels, reason
from .core.pixels.folders import images_below
from .core.pixels.limits import open_image
from .core.pixels.reading import resize
from .core.spelling import entries, find, folders_of, key
from .core.table import SampleTable

# Short name (of the folder or the archive) -> diagnosis.
CLASSES = {
    "AK": "actinic keratosis",
    "BCC": "basal cell carcinoma",
    "DF": "dermatofibroma",
    "IEC": "intraepithelial carcinoma",
    "MEL": "malignant melanoma",
    "ML": "melanocytic nevus",
    "PYO": "pyogenic granuloma",
    "SCC": "squamous cell carcinoma",
    "SK": "seborrhoeic keratosis",
    "VASC": "haemangioma",
}
MASK = "mask"


def photographs(members: list[str]) -> list[str]:
    """The images among a class's files: no masks, nor the forks in a Mac's archive."""
    return sorted(
        m
        for m in members
        if m.lower().endswith(".png")
        and not Path(m).stem.endswith(MASK)
        and not Path(m).name.startswith("._")
    )


class Dermofit(ImageDataModule):
    """All lesions, split by lesion: patients are not known."""

    slugs = ("dermofit",)
    copies = "exclude"
    folders = ("dermofit", "")
    class_names = tuple(CLASSES)
    modality = "clinical"
    # Li et al. 2020, https://arxiv.org/abs/1907.00354, section 3.
    rare_names = ("SCC", "VASC", "PYO")
    title = "Dermofit image library"
    licence = "paid academic licence of the University of Edinburgh: do not pass it on"
    citation = "L. Ballerini et al., Color medical image analysis, Springer 2013, pp. 63-86"
    files = (
        f"get the folders or archives {', '.join(CLASSES)} (.zip) of the Dermofit image library, "
        "which the University of Edinburgh licenses, and put them into dermofit/."
    )

    def load_table(self) -> SampleTable:
        """Lesions by class, sorted by name; the group is the lesion's folder."""
        ids, target, group, self.origin = [], [], [], []
        for number, (name, place) in enumerate(self._classes().items()):
            found = photographs(_members(place))
            if not found:
                raise DataError(f"{place}: no image: is it the right folder?")
            for member in found:
                ids.append(f"{name}/{Path(member).stem}")
                group.append(f"{name}/{Path(member).parent.name}")
                target.append(number)
                self.origin.append((place, member))
        return SampleTable(np.array(ids), np.array(target), np.array(group))

    def _classes(self) -> dict[str, Path]:
        """The folder of each class, or its archive where it is not unpacked."""
        looked, best = [], dict[str, Path]()
        for folder in folders_of(self.root, self.folders):
            only = {key(name) for name in CLASSES} if folder == self.root else None
            inside = list(entries(folder, only))
            places = {n: [*find(inside, n), *find(inside, n, (".zip",))] for n in CLASSES}
            best = max(best, {n: found[0] for n, found in places.items() if found}, key=len)
            looked.append(str(folder))
        if lost := [name for name in CLASSES if name not in best]:
            there = f"; {', '.join(map(str, best.values()))} are there" if best else ""
            raise self.absent(f"no {', '.join(lost)} in {', '.join(looked)}{there}")
        return best

    def read_image(self, row: int) -> Pixels:
        """Decode a photograph from its folder or archive."""
        place, member = self.origin[row]
        try:
            with open_image(io.BytesIO(_content(place, member))) as image:
                return resize(image, self.image_size, "RGB")
        except UNREADABLE as error:
            raise OSError(f"{place}, {member}: {reason(error)}") from error

    def source_key(self) -> str:
        """Names, sizes and times of the files."""
        files = dict.fromkeys(p / m if p.is_dir() else p for p, m in self.origin)
        return "\n".join(f"{f.name} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files)


def _members(place: Path) -> list[str]:
    if place.is_dir():
        return [str(p.relative_to(place)) for p in images_below([place]).values()]
    try:
        with zipfile.ZipFile(place) as archive:
            return archive.namelist()
    except UNREADABLE as error:
        raise DataError(f"{place}: {reason(error)}") from error


def _content(place: Path, member: str) -> bytes:
    if place.is_dir():
        return (place / member).read_bytes()
    with zipfile.ZipFile(place) as archive:
        return archive.read(member)
