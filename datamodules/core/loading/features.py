"""Frozen features in the place of images: a mapped file, and its rows as batches."""

from abc import ABC, abstractmethod
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..contract import Augmentation, Batch
from .rows import Rows
from .samplers import Draw

Ints = NDArray[np.int64]
VIEW_STREAM = 8  # of random numbers, apart from those that order the images
FIRST = 2**13  # places of an epoch that views are drawn for at first; doubled where it is longer


class FeatureStore(ABC):
    """Features of every image of a table, of one or more views each, in one mapped file.

    Attributes:
        path: of the file: [N, V, D] float16 or float32; the first view is the plain image.
        views: V.
        width: D.
    """

    path: Path
    views: int
    width: int

    @abstractmethod
    def ensure(self) -> None:
        """Make the file where it is not there yet; called before it is read."""

    @cached_property
    def features(self) -> NDArray[Any]:
        """The mapped array [N, V, D]."""
        self.ensure()
        mapped: NDArray[Any] = np.load(self.path, mmap_mode="r")
        return mapped

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "features"}


def views_drawn(
    seed: int, epoch: int, stream: int, positions: Ints, views: int, longest: int = FIRST
) -> Ints:
    """Which view [B] stands at each place of an epoch, whichever process draws it.

    Args:
        seed: of the stage.
        epoch: from 0.
        stream: of the epoch, and which of its views.
        positions: [B] places in the stream's epoch.
        views: V, from which each is drawn with equal chance.
        longest: places that are drawn at least; of no effect on what is drawn.
    """
    while longest <= positions.max(initial=0):
        longest *= 2
    found: Ints = np.floor(_uniform(seed, epoch, stream, longest)[positions] * views).astype(int)
    return found


@lru_cache(maxsize=8)
def _uniform(seed: int, epoch: int, stream: int, amount: int) -> NDArray[np.float64]:
    """Numbers of which a longer list begins with the shorter."""
    return np.random.default_rng((seed, VIEW_STREAM, epoch, stream)).random(amount)


class FeatureRows(Rows):
    """``Rows`` of features: what was drawn of an image is one of its views.

    Args:
        features: of all images of the table.
        rows: [M] rows of the table that this split has, in order.
        target: [N] classes of the table.
        seed: of the views.
        augment: ``none`` for the plain images, which are the first view; else any view is drawn.
        views: how many of each image a step has.
    """

    def __init__(
        self,
        features: FeatureStore,
        rows: Ints,
        target: Ints,
        seed: int,
        augment: Augmentation,
        views: int = 1,
    ) -> None:
        self.features, self.rows, self.target = features, rows, target
        self.seed, self.drawn, self.views = seed, augment != "none", views

    def empty(self) -> torch.Tensor:
        """No features [0, D]."""
        return torch.empty(0, self.features.width)

    def _batch(self, draws: list[Draw]) -> Batch:
        index = self.rows[[d.row for d in draws]]
        places = np.array([d.position for d in draws])
        view = np.zeros((len(draws), self.views), np.int64)
        if self.drawn:
            # Draws of a batch are of one epoch and stream; of meta-batches, too.
            epoch, stream = draws[0].epoch, draws[0].stream
            for k in range(self.views):
                chosen = stream * self.views + k
                view[:, k] = views_drawn(self.seed, epoch, chosen, places, self.features.views)
        taken = torch.from_numpy(self.features.features[index[:, None], view])
        if self.views == 1:
            taken = taken[:, 0]
        return Batch(taken, torch.from_numpy(self.target[index]), torch.from_numpy(index))
