"""The base of every dataset: a LightningDataModule under an imbalance regime."""

import math
from functools import cached_property
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from . import leaks, regimes, splits
from .arguments import height_width, whole_number
from .cache import ImageStore, open_store
from .contract import Batch, DataRequest, DataSpec
from .errors import DataError, unknown
from .names import DataName
from .rows import InOrder, Rows
from .samplers import Draw, StepSampler
from .source import Source, cache_root, data_root
from .transforms import Augmentation, Augmenter, check_name

# ImageNet's constants, which pretrained weights expect; grey images take their mean.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ImageDataModule(Source, L.LightningDataModule):  # type: ignore[misc]  # a parsed name
    """A dataset under an imbalance regime.

    A dataset overrides what ``Source`` lists. Nothing is read before ``prepare``.

    Args:
        name: ``dataset[+variant][@regime]``.
        image_size: (height, width) in pixels, or one number for a square.
        root: data root; default ``MEDTAIL_DATA``.
        cache: image cache; default ``MEDTAIL_CACHE``.
        augment: what an augmented training image goes through, see ``transforms.compose``.
        split_seed: of the split and the regime's cut.
        workers: loader processes; 0 reads in the training process. Never changes a number.
    """

    def __init__(
        self,
        name: str | DataName,
        image_size: int | tuple[int, int] = 28,
        *,
        root: Path | str | None = None,
        cache: Path | str | None = None,
        augment: Augmentation = "symmetries",
        split_seed: int = 0,
        workers: int = 0,
    ) -> None:
        super().__init__()
        self.name = name if isinstance(name, DataName) else DataName.parse(name)
        if self.name.variant and self.name.variant not in self.variants:
            raise unknown(f"variant of {self.name.dataset}", self.name.variant, self.variants)
        regimes.parse(self.name.dataset, self.name.regime)
        if self.name.source in self.refused:
            raise DataError(f"{self.name.source}: {self.refused[self.name.source]}")
        self.image_size = height_width(self.name.source, image_size)
        self.root, self.cache = Path(root or data_root()), Path(cache or cache_root())
        self.split_seed = whole_number(self.name.source, "split_seed", split_seed)
        self.workers = whole_number(self.name.source, "workers", workers)
        self.augment: Augmentation = check_name(augment)
        self.request, self.batch_size, self.seed, self.epochs = DataRequest(), 128, 0, 1
        self.predicted, self.dtype = "test", torch.float32
        self.split: NDArray[np.str_]
        self.target: NDArray[np.int64]
        self.store: ImageStore
        self.kept: NDArray[np.int64]
        self.wanted: NDArray[np.int64]
        self._ready = False

    # What the runner uses.

    def prepare(self) -> None:
        """Table, split, regime, image cache: everything before training. Idempotent.

        Raises:
            DataError: whatever is wrong with the data, before any training.
        """
        if self._ready:
            return
        self.table = self.load_table()
        source = self.name.source
        self.table.check(source, self.class_names)
        self.split = self._split()
        self.check_files()
        splits.check_split(source, self.table, self.split, self.class_names)
        if not self.leaks_allowed:
            leaks.forbid_shared_groups(source, self.table, self.split)
        self.store = self._open_store()
        self._settle_copies()
        self._apply_regime()
        self._ready = True

    @property
    def leaks_allowed(self) -> bool:
        """Whether this is a split that leaks, under its marked name."""
        return self.name.variant.startswith("leaky_")

    def _open_store(self) -> ImageStore:
        key = "\n".join([self.source, self.source_key(), *self.table.id])
        shape = (len(self.table), *self.image_size, self.in_channels)
        try:
            return open_store(self.cache, self.name.dataset, key, shape, self.read_image)
        finally:
            self.close_sources()

    def _settle_copies(self) -> None:
        """Refuse images that stand in several splits, or exclude them from train."""
        source = self.name.source
        if self.leaks_allowed:
            return
        if self.copies == "exclude":
            self.split = leaks.without_copies(self.split, self.store)
            splits.check_split(source, self.table, self.split, self.class_names)
        leaks.forbid_identical_images(source, self.table, self.split, self.store)

    def _apply_regime(self) -> None:
        self.target = self.table.target
        if regimes.is_binary(self.name.regime):
            given = int(np.bincount(self.target[self.split == "train"]).argmax())
            self.class_names = (self.class_names[given], f"not {self.class_names[given]}")
            self.target = (self.target != given).astype(np.int64)
            self.ordinal = False
        train = np.flatnonzero(self.split == "train")
        available = np.bincount(self.target[train], minlength=len(self.class_names))
        self.wanted = regimes.wanted_counts(
            self.name.dataset, self.name.regime, self.class_names, available
        )
        self.kept = train
        if self.name.regime != "natural":
            group = self.table.group if self.table.group is not None else self.table.id
            kept = regimes.cut(self.target[train], group[train], self.wanted, self.split_seed)
            self.kept = train[kept]

    def _split(self) -> NDArray[np.str_]:
        if self.table.split is None:
            group = self.table.group if self.table.group is not None else self.table.id
            return splits.group_split(self.table.target, group, self.split_seed)
        if not (self.table.split == "val").any():
            return splits.carve_validation(self.table, self.table.split, self.split_seed)
        return self.table.split

    @cached_property
    def spec(self) -> DataSpec:
        """All that a method may know; needs ``prepare``."""
        counts = np.bincount(self.target[self.kept], minlength=len(self.class_names))
        return DataSpec(
            name=str(self.name),
            class_names=self.class_names,
            class_counts=tuple(int(c) for c in counts),
            image_size=self.image_size,
            in_channels=self.in_channels,
            ordinal=self.ordinal,
        )

    @property
    def digest(self) -> str:
        """Digest of the split lists (16 hex digits), of every image, before the regime."""
        return splits.split_digest(self.table, self.split)

    def rows(self, split: str) -> NDArray[np.int64]:
        """Rows of the table in a split; of ``train`` those that the regime keeps."""
        return self.kept if split == "train" else np.flatnonzero(self.split == split)

    def connect(self, request: DataRequest, batch_size: int, seed: int, epochs: int) -> None:
        """Say what the next ``train_dataloader`` gives.

        Args:
            request: what the method asks for.
            batch_size: global, over all ranks.
            seed: of the order and the augmentation.
            epochs: length of the stage, for samplers that change with it.
        """
        self.request, self.batch_size, self.seed, self.epochs = request, batch_size, seed, epochs

    # Lightning's hooks.

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook; the same as ``prepare``."""
        self.prepare()

    def _rank(self) -> tuple[int, int]:
        trainer = self.trainer
        return (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)

    def _loader(self, data: Rows, sampler: Sampler[list[Draw]]) -> DataLoader[Batch]:
        return DataLoader(
            data,
            sampler=sampler,
            batch_size=None,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def train_dataloader(self) -> DataLoader[Batch]:
        """Training batches as ``connect`` asked for."""
        (rank, world), rows, request = self._rank(), self.rows("train"), self.request
        streams = (request.sampler, request.second) if request.second else (request.sampler,)
        square = self.image_size[0] == self.image_size[1]
        augmenter = Augmenter(self.augment if request.augment else "none", self.seed, square)
        sampler = StepSampler(
            self.target[rows], streams, self.batch_size, self.seed, self.epochs, rank, world
        )
        data = Rows(self.store, rows, self.target, augmenter, request.views)
        return self._loader(data, sampler)

    def plain_loader(self, split: str) -> DataLoader[Batch]:
        """Every image of ``split`` once, not augmented, in the table's order."""
        rank, world = self._rank()
        rows = self.rows(split)
        steps = max(8, min(256, 2**20 // math.prod(self.image_size)))  # memory as in training
        data = Rows(self.store, rows, self.target, Augmenter("none", 0))
        return self._loader(data, InOrder(len(rows), steps, rank, world))

    def val_dataloader(self) -> DataLoader[Batch]:
        """The validation split."""
        return self.plain_loader("val")

    def predict_dataloader(self) -> DataLoader[Batch]:
        """The split named by ``predicted``: test, which nothing else opens, or validation."""
        return self.plain_loader(self.predicted)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Normalise on the device: uint8 -> float."""
        second = batch.second
        if second is not None:
            second = second._replace(image=self.normalise(second.image))
        return batch._replace(image=self.normalise(batch.image), second=second)

    def normalise(self, image: Tensor) -> Tensor:
        """[..., C, H, W] uint8 -> float, with the constants above."""
        mean, std = (MEAN, STD) if self.in_channels == 3 else ((sum(MEAN) / 3,), (sum(STD) / 3,))
        shape = (-1, 1, 1)
        scale = image.new_tensor(std, dtype=self.dtype).view(shape) * 255
        shift = image.new_tensor(mean, dtype=self.dtype).view(shape) * 255
        return (image.to(self.dtype) - shift) / scale

    def state_dict(self) -> dict[str, Any]:
        """Nothing: data is found again by name."""
        return {}


__all__ = ["ImageDataModule", "cache_root", "data_root"]
