"""MedMNIST v2: eleven of the twelve 2D sets, official splits, at 28, 64, 128 or 224 pixels.

Files lie in ``medmnist/`` below the data root under their official names (``bloodmnist.npz``,
``bloodmnist_64.npz``, ...) and are checked against the official MD5. An official size needs the
file of that size; any other is reduced from the smallest file that is at least as large. Pixels of
a smaller file are enlarged only where it is asked for (``file_size``).

Official val and test stay as they are; a training image that stands in them pixel for pixel is
excluded (BreastMNIST has one such image, with the other label). DermaMNIST splits by image 10,015
images of 7,470 lesions, and is to be had under a marked name only.
"""

import runpy
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from .core.base import ImageDataModule
from .core.contract import Augmentation
from .core.errors import DataError
from .core.names import DataName
from .core.pixels.cache import Pixels
from .core.pixels.npz import load_arrays, md5, stream_images
from .core.pixels.reading import resize
from .core.spelling import folders_of
from .core.table import SPLITS, SampleTable

SIZES = (28, 64, 128, 224)
# Views of a body with a left and a right, and others that lie as they were taken.
FAITHFUL: dict[str, Augmentation] = {
    **dict.fromkeys(("breastmnist", "octmnist"), "mirror"),
    **dict.fromkeys(("chestmnist", "pneumoniamnist"), "none"),
    **dict.fromkeys(("organamnist", "organcmnist", "organsmnist"), "none"),
}
CITATION = "J. Yang et al., MedMNIST v2, Scientific Data 10, 41 (2023)"


@cache
def _official() -> dict[str, dict[str, Any]]:
    """What the module ``medmnist.info`` says, run alone: the package imports torch."""
    package = find_spec("medmnist")
    place = Path(str(package and package.origin)).with_name("info.py")
    found: dict[str, dict[str, Any]] = runpy.run_path(str(place))["INFO"]
    return found


def official(flag: str) -> dict[str, Any]:
    """What the package ``medmnist`` says of a set."""
    return _official()[flag]


VOLUMES = tuple(
    f"{name}mnist3d" for name in ("organ", "nodule", "adrenal", "fracture", "vessel", "synapse")
)


class MedMNIST(ImageDataModule):
    """One of the 2D sets; the slug says which.

    Args:
        name, image_size: see ``ImageDataModule``.
        file_size: pixels of the official file that is taken: 28, 64, 128 or 224; without it the one
            that fits ``image_size``.
        arguments: of ``ImageDataModule``.
    """

    slugs = (
        "pathmnist", "chestmnist", "dermamnist", "octmnist", "pneumoniamnist", "retinamnist",
        "breastmnist", "bloodmnist", "tissuemnist", "organamnist", "organcmnist", "organsmnist",
    )  # fmt: skip
    variants: ClassVar[dict[str, str]] = {
        "leaky_official": "the official split with whatever it leaks, nothing excluded"
    }
    refused: ClassVar[dict[str, str]] = {
        "dermamnist": "its official split shares lesions between train, val and test: use "
        "dermamnist+leaky_official, or isic2018, the same images split by lesion",
        **dict.fromkeys(
            ("chestmnist", "chestmnist+leaky_official"),
            "it has 14 binary labels for each image, and medtail compares methods for one label of "
            "several classes",
        ),
        **dict.fromkeys(VOLUMES, "its samples are volumes, and medtail reads 2D images"),
    }
    copies = "exclude"
    permission = "own licence"
    folders = ("medmnist", "")

    def __init__(
        self,
        name: str | DataName,
        image_size: int | tuple[int, int] = 28,
        *,
        file_size: int | None = None,
        **arguments: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(name, image_size, **arguments)
        self.flag = self.name.dataset
        self.file_size = file_size
        if file_size not in (None, *SIZES):
            known = ", ".join(map(str, SIZES))
            raise DataError(f"{self.flag}: file_size {file_size}: official files have {known}")
        info = official(self.flag)
        self.class_names = tuple(info["label"][str(c)] for c in range(len(info["label"])))
        self.in_channels = info["n_channels"]
        self.faithful = FAITHFUL.get(self.flag, "symmetries")
        self.ordinal = "ordinal" in info["task"]
        self.title, self.licence = f"{info['python_class']} (MedMNIST v2)", info["license"]
        self.citation = f"{CITATION}, and of its source: see medmnist.com"
        self.files = (
            f"get it by 'medtail data get {self.name.source}', or put {' or '.join(self._names())} "
            "of the MedMNIST record on Zenodo into the folder medmnist."
        )
        self._images: Iterator[Pixels] | None = None
        self._next = 0

    def _names(self) -> list[str]:
        """Files that serve ``image_size``, the best one first; raises ``DataError`` above 224."""
        if self.file_size:
            return [self._name(self.file_size)]
        needed = max(self.image_size)
        if needed > SIZES[-1]:
            raise DataError(
                f"{self.flag}: {needed} pixels asked for, the largest file has {SIZES[-1]}"
            )
        sizes = (needed,) if needed in SIZES else tuple(s for s in SIZES if s > needed)
        return [self._name(size) for size in sizes]

    def _name(self, size: int) -> str:
        return f"{self.flag}{'' if size == 28 else f'_{size}'}.npz"

    def _side(self) -> int:
        """Pixels of the file."""
        return int(self.file.stem.removeprefix(self.flag).lstrip("_") or 28)

    def _find(self) -> Path:
        """The best file that is there; raises ``DataMissingError`` with those of other sizes."""
        folders = folders_of(self.root, self.folders)
        names = self._names()
        for path in (folder / name for folder in folders for name in names):
            if path.exists():
                return path
        others = [f"{s}: {f / self._name(s)}" for f in folders for s in SIZES
                  if (f / self._name(s)).exists()]  # fmt: skip
        hint = f"; an image size for which a file is there is {', '.join(others)}" if others else ""
        where = " or ".join(map(str, folders))
        raise self.absent(f"no {' or '.join(names)} in {where}{hint}")

    def load_table(self) -> SampleTable:
        """Labels of the three splits; ids are ``<split>_<row>``."""
        self.file = self._find()
        self.source = f"{self.file.name}, {self._verify()}"
        side, wanted = self._side(), max(self.image_size)
        if side != 28 or wanted not in SIZES or side < wanted:
            made = "enlarged" if side < wanted else "reduced"
            self.source += f", {made} to {self.image_size[0]} x {self.image_size[1]}"
        arrays = load_arrays(self.file, tuple(f"{s}_labels" for s in SPLITS))
        labels = [a.reshape(-1).astype(np.int64) for a in arrays.values()]
        return SampleTable(
            id=np.array(
                [f"{s}_{i}" for s, y in zip(SPLITS, labels, strict=True) for i in range(len(y))]
            ),
            target=np.concatenate(labels),
            split=np.repeat(SPLITS, [len(y) for y in labels]),
        )

    def _verify(self) -> str:
        """Hold the file against the official MD5, or one that its owner wrote beside it."""
        found = md5(self.file, self.cache)
        own = self.file.with_suffix(".npz.md5")
        if own.exists():
            expected, kind = own.read_text(encoding="utf-8").strip(), "not the official file"
        else:
            key = "MD5" + self.file.stem.removeprefix(self.flag)
            expected, kind = official(self.flag)[key], "official file"
        if found != expected:
            raise DataError(
                f"{self.file}: MD5 {found}, expected {expected}: broken or another file, get "
                f"it anew (a file of your own needs its MD5 in {own.name} beside it)"
            )
        return kind

    def read_image(self, row: int) -> Pixels:
        """The image in row ``row`` of the three splits in turn; quick where rows come in order."""
        if self._images is None or row < self._next:
            self._images = stream_images(self.file, tuple(f"{s}_images" for s in SPLITS))
            self._next = 0
        for image in self._images:
            self._next += 1
            if self._next > row:
                return resize(
                    Image.fromarray(image), self.image_size, "RGB" if self.in_channels == 3 else "L"
                )
        raise OSError(f"{self.file}: fewer images than labels")

    def close_sources(self) -> None:
        """Close the archive."""
        self._images = None

    def source_key(self) -> str:
        """The file's digest."""
        return md5(self.file, self.cache)

    def fetch(self) -> None:
        """Download the best file for ``image_size`` with the package ``medmnist``, and check it.

        Raises:
            DataError: no network, or not the official file.
        """
        import medmnist

        folder = self.root / self.folders[0]
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / self._names()[0]
        maker = getattr(medmnist, official(self.flag)["python_class"])
        try:
            maker(split="val", download=True, root=str(folder), size=self._side(), mmap_mode="r")
        except (RuntimeError, OSError) as error:
            raise DataError(
                f"{self.flag}: could not download {self.file.name} (no network?): get it from "
                f"{official(self.flag)['url' + self.file.stem.removeprefix(self.flag)]} and put it "
                f"into {folder}"
            ) from error
        self._verify()
