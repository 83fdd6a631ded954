"""The torch side of the data: rows of an image store as batches."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, DistributedSampler

from ..contract import Batch
from ..pixels.cache import ImageStore
from ..pixels.transforms import Augmenter
from .samplers import Draw


def normalised(
    image: Tensor, constants: tuple[tuple[float, ...], tuple[float, ...]], dtype: torch.dtype
) -> Tensor:
    """[..., C, H, W] uint8 -> float, by mean and standard deviation of each channel in [0, 1]."""
    mean, std = constants
    scale = image.new_tensor(std, dtype=dtype).view(-1, 1, 1) * 255
    shift = image.new_tensor(mean, dtype=dtype).view(-1, 1, 1) * 255
    return (image.to(dtype) - shift) / scale


class Rows(Dataset[Batch]):
    """Images of some rows of a store; one item is a whole step.

    Attributes:
        rows: [M] rows of the table that this split has, in order.
        target: [N] classes of the table.
    """

    def __init__(
        self,
        store: ImageStore,
        rows: NDArray[np.int64],
        target: NDArray[np.int64],
        augmenter: Augmenter,
        views: int = 1,
    ) -> None:
        self.store, self.rows, self.target = store, rows, target
        self.augmenter, self.views = augmenter, views

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draws: list[Draw]) -> Batch:
        """The step of ``draws``: uint8 [B, C, H, W], or [B, V, ...] for views, channels last."""
        if not draws:
            none = torch.empty(0, dtype=torch.int64)
            return Batch(self.empty(), none, none)
        streams = [[d for d in draws if d.stream == s] for s in range(draws[-1].stream + 1)]
        batches = [self._batch(part) for part in streams]
        return batches[0]._replace(second=batches[1]) if len(batches) > 1 else batches[0]

    def empty(self) -> Tensor:
        """No images [0, C, H, W]."""
        height, width, channels = self.store.images.shape[1:]
        return torch.empty(0, channels, height, width, dtype=torch.uint8)

    def _batch(self, draws: list[Draw]) -> Batch:
        index = self.rows[[d.row for d in draws]]
        images = self.store.images
        pixels = np.stack(
            [
                self.augmenter(images[i], (d.epoch, d.position, d.stream * self.views + view))
                for i, d in zip(index, draws, strict=True)
                for view in range(self.views)
            ]
        )
        self.store.let_go(len(index))
        image = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        if self.views > 1:
            image = image.view(len(draws), self.views, *image.shape[1:])
        return Batch(image, torch.from_numpy(self.target[index]), torch.from_numpy(index))


class InOrder(DistributedSampler[list[Draw]]):
    """Every row once, in order, in steps; rank r of k takes every k-th row, without padding.

    A rank without a row has one step of none: Lightning refuses a loader of no steps.
    """

    def __init__(self, amount: int, batch_size: int, rank: int = 0, world: int = 1) -> None:
        self.places = list(range(rank, amount, world))
        self.batch_size = batch_size

    def __len__(self) -> int:
        return max(1, -(-len(self.places) // self.batch_size))

    def __iter__(self) -> Iterator[list[Draw]]:
        for start in range(0, max(1, len(self.places)), self.batch_size):
            yield [Draw(p, 0, p, 0) for p in self.places[start : start + self.batch_size]]
