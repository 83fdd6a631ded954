"""Features of one's own that a head is applied to, in the place of images."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from medtail.datamodules.core.errors import MedtailError

from ..features.own import read
from ..grid.features import found
from .images import Images

if TYPE_CHECKING:
    from .description import Description

STEP = 1024  # features of a batch


def find(text: str, about: "Description") -> Images:
    """The features in a file; of several rows of an id the first, which is the plain image.

    Args:
        text: path of a Parquet file with the columns id and vector.
        about: a network that was trained on features of one's own.

    Raises:
        MedtailError: there is no such file, or its features have another length.
    """
    if Path(text).suffix.lower() not in (".parquet", ".pq"):
        raise MedtailError(
            f"{text}: {about} was trained on features of '{about.cell.terms.backbone}', not on "
            "images: give it a Parquet file of theirs, with the columns id and vector"
        )
    features = found(text)
    ids, vectors = read(features)
    if vectors.shape[1] != about.spec.features:
        raise MedtailError(
            f"{text}: vectors of {vectors.shape[1]} numbers, {about} takes {about.spec.features}"
        )
    first = np.sort(np.unique(ids, return_index=True)[1])

    def batches() -> Iterator[tuple[list[int], Tensor]]:
        for start in range(0, len(first), STEP):
            rows = first[start : start + STEP]
            yield list(range(start, start + len(rows))), torch.from_numpy(vectors[rows]).float()

    made = Images(ids[first].tolist(), batches)
    if features.model != about.cell.terms.backbone:
        made.note = f"features of '{features.model}'; trained on '{about.cell.terms.backbone}'"
    return made
