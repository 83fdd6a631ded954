"""What data is, whatever it is called and wherever it lies: digests of labels and of pixels."""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .table import SampleTable

if TYPE_CHECKING:
    from .splitting.plan import Plan

ROLES = ("train", "val", "test", "withheld", "query", "pool")


@dataclass(frozen=True)
class Content:
    """What a result on some data depends on.

    Attributes:
        data: digest of ids, labels, groups and splits, and of what the regime makes of them.
        pixels: digest of the images as a network sees them, before augmentation.
        recipe: how the pixels were made, in words.
        samples: digest of ids, labels and groups alone, which draws of a split share.
        test_share: share of the images that are tested.
    """

    data: str
    pixels: str
    recipe: str
    samples: str
    test_share: float

    @classmethod
    def of(
        cls,
        table: SampleTable,
        class_names: tuple[str, ...],
        split: NDArray[np.str_],
        plan: "Plan",
        pixels: str,
        recipe: str,
    ) -> "Content":
        """Of labels, what is made of them, and pixels."""
        data = data_digest(table, class_names, split, plan)
        share = float((split == "test").mean())
        return cls(data, pixels, recipe, samples_digest(table, class_names), share)


def data_digest(
    table: SampleTable, class_names: tuple[str, ...], split: NDArray[np.str_], plan: "Plan"
) -> str:
    """First 16 hex digits of a SHA-256 over classes, rows in their order, and the regime's plan."""
    head = [class_names, plan.track, plan.class_names, plan.sought, plan.rare, plan.episodes]
    sha = hashlib.sha256(json.dumps([*head, plan.ordinal], ensure_ascii=False).encode())
    group = table.group if table.group is not None else table.id
    for row in zip(table.id, table.target, group, split, plan.target, strict=True):
        sha.update("\t".join(map(str, row)).encode() + b"\n")
    for role in ROLES:
        sha.update(f"{role} {getattr(plan, role).tolist()}\n".encode())
    return sha.hexdigest()[:16]


def samples_digest(table: SampleTable, class_names: tuple[str, ...]) -> str:
    """The same over classes, ids, labels and groups, whatever their split."""
    sha = hashlib.sha256(json.dumps(class_names, ensure_ascii=False).encode())
    group = table.group if table.group is not None else table.id
    for row in zip(table.id, table.target, group, strict=True):
        sha.update("\t".join(map(str, row)).encode() + b"\n")
    return sha.hexdigest()[:16]


def image_digest(image: NDArray[np.uint8]) -> str:
    """16 hex digits that stand for the pixels of an image."""
    return hashlib.blake2b(image.tobytes(), digest_size=8).hexdigest()


def pixels_digest(each: NDArray[np.str_], shape: tuple[int, ...]) -> str:
    """The same over the digests [N] of images of ``shape`` [H, W, C], in their order."""
    text = "\n".join([" ".join(map(str, shape)), *each])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
