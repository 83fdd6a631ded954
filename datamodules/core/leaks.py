"""Leaks between splits: ids, groups, identical and nearly identical images."""

import hashlib
from dataclasses import dataclass
from itertools import combinations

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .cache import ImageStore
from .errors import DataError
from .table import SPLITS, SampleTable

PERCEPTUAL_BITS = 4  # pHash distance (of 64 bits) up to which two images count as nearly identical


@dataclass(frozen=True)
class LeakReport:
    """What two splits share; each entry maps ``(split, split)`` to an amount.

    Attributes:
        groups: groups with images in both splits.
        identical: images of the second split whose pixels stand in the first, byte for byte.
        similar: images of the second split with an image in the first within ``PERCEPTUAL_BITS`` of its
            perceptual hash (pHash); not proof of a leak, but where to look.
        known_groups: whether the dataset knows groups at all.
    """

    groups: dict[tuple[str, str], int]
    identical: dict[tuple[str, str], int]
    similar: dict[tuple[str, str], int]
    known_groups: bool


def _shared(values: NDArray[np.str_], split: NDArray[np.str_]) -> dict[tuple[str, str], NDArray[np.str_]]:
    parts = {s: np.unique(values[split == s]) for s in SPLITS}
    return {(a, b): np.intersect1d(parts[a], parts[b]) for a, b in combinations(SPLITS, 2)}


def forbid_shared_groups(name: str, table: SampleTable, split: NDArray[np.str_]) -> None:
    """Raise ``DataError`` where a group has images in two splits."""
    if table.group is None:
        return
    for (a, b), groups in _shared(table.group, split).items():
        if len(groups):
            raise DataError(
                f"{name}: the split leaks: {len(groups)} groups have images in both {a} and {b} (the first is "
                f"'{groups[0]}'): split by group, or use a variant named leaky_... if you must"
            )


def pixel_digests(store: ImageStore) -> NDArray[np.str_]:
    """[N] digests of the stored pixels, kept beside the store."""
    path = store.path.with_suffix(".digests.npy")
    if path.exists():
        kept: NDArray[np.str_] = np.load(path)
        return kept
    digests = np.array([hashlib.blake2b(image.tobytes(), digest_size=8).hexdigest() for image in store.images])
    part = path.with_suffix(".part.npy")
    np.save(part, digests)
    part.replace(path)
    return digests


def forbid_identical_images(
    name: str, table: SampleTable, split: NDArray[np.str_], store: ImageStore
) -> None:
    """Raise ``DataError`` where the very same image stands in two splits."""
    digests = pixel_digests(store)
    for (a, b), shared in _shared(digests, split).items():
        if len(shared):
            first = table.id[(digests == shared[0])]
            raise DataError(
                f"{name}: the split leaks: {len(shared)} images stand in both {a} and {b} (the first is "
                f"'{first[0]}' = '{first[-1]}'): remove the copies, give them one group, or use a leaky_... variant"
            )
