"""The small form of a dataset: its images at one size in two files, without the originals.

``<root>/prepared/<dataset>-<height>x<width>.npy`` is [N, H, W, C] uint8, and ``.json`` beside it
says of which ids, by which recipe, and the digest of the whole. It serves machines that have no
room for the originals, and other versions of an image decoder, which give other pixels.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..content import image_digest, pixels_digest
from ..errors import DataError
from ..writing import whole
from .cache import ImageStore, Pixels, cache_errors, reason

FOLDER = "prepared"


def place(root: Path, dataset: str, size: tuple[int, int]) -> Path:
    """Where the images of a dataset at one size (height, width) are looked for."""
    return root / FOLDER / f"{dataset}-{size[0]}x{size[1]}.npy"


def write(path: Path, ids: Sequence[str], store: ImageStore, recipe: str, source: str) -> str:
    """Write a store's images and what they are, whole or not at all; returns their digest.

    Raises:
        DataError: the disk refuses.
    """
    digest = pixels_digest(
        np.array([image_digest(image) for image in store]), store.images.shape[1:]
    )
    facts = {"digest": digest, "recipe": recipe, "source": source, "ids": list(ids)}
    told = path.with_suffix(".json")
    with cache_errors(path.parent), whole(told) as words, whole(path) as part:
        with part.open("wb") as file:
            np.save(file, store.images)
        words.write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    return digest


class Prepared:
    """Images of a prepared file by id.

    Attributes:
        source: which files they were made from.
        recipe: how they were made, in words.
        digest: of all of them.

    Args:
        path: of the ``.npy``.

    Raises:
        DataError: one of the two files is absent, damaged, or not that of the other.
    """

    def __init__(self, path: Path) -> None:
        try:
            facts: dict[str, Any] = json.loads(
                path.with_suffix(".json").read_text(encoding="utf-8")
            )
            self.images = np.load(path, mmap_mode="r")
            self.source, self.recipe = str(facts["source"]), str(facts["recipe"])
            self.digest, ids = str(facts["digest"]), list(facts["ids"])
            if self.images.dtype != np.uint8 or len(self.images) != len(ids):
                raise ValueError(
                    f"{len(self.images)} images of {self.images.dtype}, {len(ids)} ids"
                )
        except (OSError, ValueError, LookupError, EOFError) as error:
            raise _not_prepared(path, reason(error)) from error
        self.path, self.rows = path, {name: row for row, name in enumerate(ids)}
        self._checked = False

    def _check(self) -> None:
        """Raise ``DataError`` where the images are not those that were written; reads them all."""
        each = np.array([image_digest(image) for image in self.images])
        found = pixels_digest(each, self.images.shape[1:])
        if found != self.digest:
            raise _not_prepared(self.path, f"digest {found}, not {self.digest}")

    def image(self, name: str) -> Pixels:
        """[H, W, C] of an id, all being checked before the first.

        Raises:
            DataError: the images are not those that were written.
            OSError: there is none of this id.
        """
        if not self._checked:
            self._check()
            self._checked = True
        if name not in self.rows:
            raise OSError(f"{self.path}: no image '{name}'")
        return np.asarray(self.images[self.rows[name]])


def _not_prepared(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: no whole prepared file ({why}): make it anew where the originals are, by "
        "'medtail data prepare', and copy it with the .json beside it"
    )
