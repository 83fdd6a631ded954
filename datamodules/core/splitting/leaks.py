"""Leaks between splits: groups, identical and nearly identical images."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import derived
from ..content import image_digest
from ..errors import DataError
from ..pixels.cache import ImageStore, cache_errors, is_stored, store_path
from ..table import SPLITS, SampleTable
from .splits import HELD

PERCEPTUAL_BITS = 4  # pHash distance (of 64 bits) up to which two images count as nearly identical
EXCLUDED = "excluded"  # the split of an image that was taken out as a copy
Pair = tuple[str, str]
PAIRS: tuple[Pair, ...] = tuple(combinations(SPLITS, 2))
FORBIDDEN: tuple[Pair, ...] = tuple(combinations((*SPLITS, HELD), 2))


@dataclass(frozen=True)
class LeakReport:
    """What two splits share; each entry maps ``(split, split)`` to an amount.

    No id can stand in two splits: tables that repeat one are refused (``SampleTable.check``).

    Attributes:
        groups: groups with images in both splits.
        identical: images of the second split whose pixels stand in the first, byte for byte.
        similar: images of the second split with an image in the first within ``PERCEPTUAL_BITS`` of
            its perceptual hash (pHash); not proof of a leak, but where to look.
        excluded: images taken out of train or val, as copies of images in val or test.
        contrary: ids of the same image in train that have different labels, a tuple for each.
        known_groups: whether the dataset knows groups at all.
    """

    groups: dict[Pair, int]
    identical: dict[Pair, int]
    similar: dict[Pair, int]
    excluded: int
    contrary: tuple[tuple[str, ...], ...]
    known_groups: bool

    @property
    def leaks(self) -> bool:
        """Whether a group or an image stands in two splits."""
        return any(sum(d.values()) for d in (self.groups, self.identical))


def leak_report(table: SampleTable, split: NDArray[np.str_], store: ImageStore) -> LeakReport:
    """Compare the splits, as they are before a regime."""
    digests, hashes = pixel_digests(store), perceptual_hashes(store)
    groups = table.group if table.group is not None else table.id
    return LeakReport(
        groups={pair: len(v) for pair, v in _shared(groups, split).items()},
        identical={
            (a, b): int(np.isin(digests[split == b], digests[split == a]).sum()) for a, b in PAIRS
        },
        similar={(a, b): count_similar(hashes[split == a], hashes[split == b]) for a, b in PAIRS},
        excluded=int((split == EXCLUDED).sum()),
        contrary=tuple(
            tuple(table.id[rows].tolist())
            for rows in (r[split[r] == "train"] for r in same_images(digests))
            if len(np.unique(table.target[rows])) > 1
        ),
        known_groups=table.group is not None,
    )


def count_similar(
    first: NDArray[np.uint64], second: NDArray[np.uint64], bits: int = PERCEPTUAL_BITS
) -> int:
    """How many of ``second`` have a hash of ``first`` within ``bits`` of 64.

    Args:
        first: [N] hashes.
        second: [M] hashes.
        bits: Hamming distance that still counts.
    """
    known = np.unique(first)
    values, times = np.unique(second, return_counts=True)
    near = np.zeros(len(values), bool)
    step = max(1, 2**22 // max(1, len(known)))
    for start in range(0, len(values), step):
        part = values[start : start + step, None] ^ known
        near[start : start + step] = (np.bitwise_count(part) <= bits).any(1)
    return int(times[near].sum())


def _shared(
    values: NDArray[np.str_], split: NDArray[np.str_], pairs: tuple[Pair, ...] = PAIRS
) -> dict[Pair, NDArray[np.str_]]:
    parts = {s: np.unique(values[split == s]) for s in (*SPLITS, HELD)}
    return {(a, b): np.intersect1d(parts[a], parts[b]) for a, b in pairs}


def forbid_shared_groups(name: str, table: SampleTable, split: NDArray[np.str_]) -> None:
    """Raise ``DataError`` where a group has images in two splits."""
    if table.group is None:
        return
    for (a, b), groups in _shared(table.group, split, FORBIDDEN).items():
        if len(groups):
            images = [table.id[(table.group == groups[0]) & (split == part)][0] for part in (a, b)]
            raise DataError(
                f"{name}: the split leaks: {len(groups)} groups have images in both {a} and {b} "
                f"(the first is '{groups[0]}', with '{images[0]}' and '{images[1]}'): split by "
                "group, or use a variant named leaky_... if you must"
            )


def _beside(store: ImageStore, suffix: str, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """The array kept beside the store under ``suffix``, computed where it is not there yet."""
    path = store.path.with_suffix(f".{suffix}.npy")

    def make(part: Path) -> None:
        with part.open("wb") as file:
            np.save(file, compute())

    with cache_errors(path.parent):
        derived.ensure(path, {suffix: derived.content_of(store.path)}, make)
    kept: NDArray[Any] = np.load(path)
    return kept


def are_known(cache: Path, title: str, key: str, shape: tuple[int, int, int, int]) -> bool:
    """Whether a store and the digests of its pixels are there; see ``open_store``."""
    path = store_path(cache, title, key, shape)
    return path.with_suffix(".digests.npy").exists() and is_stored(cache, title, key, shape)


def pixel_digests(store: ImageStore) -> NDArray[np.str_]:
    """[N] digests of the stored pixels, kept beside the store."""
    return _beside(
        store,
        "digests",
        lambda: np.array([image_digest(image) for image in store]),
    )


def perceptual_hashes(store: ImageStore) -> NDArray[np.uint64]:
    """[N] 64-bit perceptual hashes (``imagehash.phash``), kept beside the store."""

    def compute() -> NDArray[np.uint64]:
        import imagehash  # slow to import, and needed for a card alone

        bits = [imagehash.phash(Image.fromarray(i.squeeze())).hash.ravel() for i in store]
        return np.packbits(np.array(bits), axis=1).view(np.uint64).ravel()

    return _beside(store, "phash", compute)


def same_images(digests: NDArray[np.str_]) -> list[NDArray[np.int64]]:
    """Rows of every image that stands more than once, in the order of their first.

    Args:
        digests: [N] of the pixels, see ``pixel_digests``.
    """
    order = np.argsort(digests, kind="stable")
    places = np.flatnonzero(digests[order][1:] != digests[order][:-1]) + 1
    found = [rows for rows in np.split(order, places) if len(rows) > 1]
    return sorted(found, key=lambda rows: int(rows[0]))


def without_copies(split: NDArray[np.str_], store: ImageStore) -> NDArray[np.str_]:
    """The split with train's copies of val and test, and val's of test, ``EXCLUDED``.

    Test stays as it was, so that results on an official test set remain comparable; where that is
    held out of folds, their tests go without copies of it.
    """
    digests = pixel_digests(store)
    cleaned = split.astype(f"<U{max(len(EXCLUDED), split.dtype.itemsize // 4)}")
    parts = ("train", "val", "test", HELD)
    for part, later in ((part, parts[n + 1 :]) for n, part in reversed([*enumerate(parts[:-1])])):
        held = digests[np.isin(cleaned, later)]
        cleaned[(cleaned == part) & np.isin(digests, held)] = EXCLUDED
    return cleaned


def forbid_identical_images(
    name: str, table: SampleTable, split: NDArray[np.str_], store: ImageStore, called: str
) -> None:
    """Raise ``DataError`` where the very same image stands in two splits.

    Args:
        name: of the data.
        table: its images.
        split: [N] their splits.
        store: their pixels.
        called: how commands name the data.
    """
    digests = pixel_digests(store)
    for (a, b), shared in _shared(digests, split, FORBIDDEN).items():
        if len(shared):
            same = digests == shared[0]
            first, second = (table.id[same & (split == part)][0] for part in (a, b))
            raise DataError(
                f"{name}: the split leaks: {len(shared)} images stand in both {a} and {b} (the "
                f"first is '{first}' = '{second}'): 'medtail data duplicates {called}' lists all; "
                "leave them out of train by --set copies=exclude (in a suite: params: {copies: "
                "exclude}), give them one group, or use a leaky_... variant"
            )
