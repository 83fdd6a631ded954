"""The base of every dataset: a LightningDataModule that a dataset fills with a table and a way to read an image."""

import os
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import lightning as L  # noqa: N812
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from . import leaks, regimes, splits
from .cache import ImageStore, Pixels, open_store, resize
from .contract import Batch, DataRequest, DataSpec
from .errors import DataError, DataMissingError, unknown
from .names import DataName
from .rows import InOrder, Rows
from .samplers import StepSampler
from .table import SampleTable
from .transforms import Augmenter

# The usual normalisation constants (ImageNet's), which pretrained weights expect; grey images take their mean.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def data_root() -> Path:
    """``MEDTAIL_DATA``, or ``data`` in the working directory."""
    return Path(os.environ.get("MEDTAIL_DATA") or "data")


def cache_root() -> Path:
    """``MEDTAIL_CACHE``, or ``.cache/images`` in the working directory."""
    return Path(os.environ.get("MEDTAIL_CACHE") or ".cache/images")


class ImageDataModule(L.LightningDataModule):
    """A dataset under an imbalance regime.

    A dataset overrides ``load_table`` and, where its images are no files, ``read_image`` and ``source_key``.
    Nothing is read before ``prepare``.

    Class attributes:
        slugs: the names this module answers to; usually one, the module's own.
        variants: other splits than the default one -> one line on what they are. A split that leaks can only
            be had as a variant whose name begins with ``leaky_``.
        class_names, in_channels, ordinal: facts of the dataset (set per instance where slugs differ).
        title, licence, citation, files: for the card; ``files`` says which files are needed and how to get them.

    Args:
        name: ``dataset[+variant][@regime]``.
        image_size: (height, width) in pixels, or one number for a square.
        root: data root; default ``MEDTAIL_DATA``.
        cache: image cache; default ``MEDTAIL_CACHE``.
        split_seed: of the split and the regime's cut.
        workers: loader processes; 0 reads in the training process. Never changes a number.
        allow_leaks: only for inspection: build a leaking split without its marked name.
    """

    slugs: ClassVar[tuple[str, ...]]
    variants: ClassVar[dict[str, str]] = {}
    class_names: tuple[str, ...] = ()
    in_channels: int = 3
    ordinal: bool = False
    title: str = ""
    licence: str = ""
    citation: str = ""
    files: str = ""

    def __init__(
        self,
        name: str | DataName,
        image_size: int | tuple[int, int] = 28,
        *,
        root: Path | None = None,
        cache: Path | None = None,
        split_seed: int = 0,
        workers: int = 0,
        allow_leaks: bool = False,
    ) -> None:
        super().__init__()
        self.name = name if isinstance(name, DataName) else DataName.parse(name)
        if self.name.variant and self.name.variant not in self.variants:
            raise unknown(f"variant of {self.name.dataset}", self.name.variant, self.variants)
        self.image_size = (image_size, image_size) if isinstance(image_size, int) else image_size
        self.root, self.cache = root or data_root(), cache or cache_root()
        self.split_seed, self.workers, self.allow_leaks = split_seed, workers, allow_leaks
        self.request, self.batch_size, self.seed, self.epochs = DataRequest(), 128, 0, 1
        self.table: SampleTable
        self.split: NDArray[np.str_]
        self.target: NDArray[np.int64]
        self.store: ImageStore
        self.kept: NDArray[np.int64]
        self.wanted: NDArray[np.int64]
        self._ready = False

    # What a dataset overrides.

    def load_table(self) -> SampleTable:
        """Read ids, targets, groups and, where given, splits; set ``class_names`` where they vary.

        Raises:
            DataMissingError: files are not there; use ``self.missing``.
            DataError: files are not as they should be.
        """
        raise NotImplementedError

    def read_image(self, row: int) -> Pixels:
        """Decode one image -> [H, W, C] uint8 of ``image_size``. Raises ``OSError`` naming the file."""
        path = self.table.path[row] if self.table.path else None
        if path is None:
            raise NotImplementedError
        try:
            with Image.open(path) as image:
                return resize(image, self.image_size, "RGB" if self.in_channels == 3 else "L")
        except (OSError, ValueError, SyntaxError) as error:
            raise OSError(f"{path}: {error}") from error

    def source_key(self) -> str:
        """What the pixels depend on, in words: the cache is made anew when it changes."""
        stamps = ((p, p.stat()) for p in self.table.path or ())
        return "\n".join(f"{p.name} {s.st_size} {s.st_mtime_ns}" for p, s in stamps)

    # What a dataset may use.

    def missing(self, *looked: Path) -> DataMissingError:
        """The error for absent files: which, where looked, how to get them."""
        places = ", ".join(str(p) for p in looked)
        return DataMissingError(
            f"{self.name.dataset}: files not found (looked for {places}); {self.files} "
            "Set MEDTAIL_DATA to the folder that holds them."
        )

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
        self._check_missing_files()
        splits.check_split(source, self.table, self.split, self.class_names)
        if not (self.allow_leaks or self.name.variant.startswith("leaky_")):
            leaks.forbid_shared_groups(source, self.table, self.split)
        self.target = self.table.target
        if regimes.is_binary(self.name.regime):
            given = int(np.bincount(self.target[self.split == "train"]).argmax())
            self.class_names = (self.class_names[given], f"not {self.class_names[given]}")
            self.target = (self.target != given).astype(np.int64)
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
        self.store = open_store(
            self.cache,
            self.name.dataset,
            "\n".join([self.source_key(), *self.table.id]),
            (len(self.table), *self.image_size, self.in_channels),
            self.read_image,
        )
        if not (self.allow_leaks or self.name.variant.startswith("leaky_")):
            leaks.forbid_identical_images(source, self.table, self.split, self.store)
        self._ready = True

    def _split(self) -> NDArray[np.str_]:
        if self.table.split is None:
            group = self.table.group if self.table.group is not None else self.table.id
            return splits.group_split(self.table.target, group, self.split_seed)
        if not (self.table.split == "val").any():
            return splits.carve_validation(self.table, self.table.split, self.split_seed)
        return self.table.split

    def _check_missing_files(self) -> None:
        absent = [p for p in self.table.path or () if not p.is_file()]
        if absent:
            raise DataMissingError(
                f"{self.name.dataset}: {len(absent)} of {len(self.table)} image files are missing, the first is "
                f"{absent[0]}; {self.files}"
            )

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

    def _loader(self, data: Rows, sampler: Any) -> DataLoader[Batch]:
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
        rank, world = self._rank()
        rows, request = self.rows("train"), self.request
        streams = (request.sampler, request.second) if request.second else (request.sampler,)
        augmenter = Augmenter(request.augment, self.seed)
        sampler = StepSampler(
            self.target[rows], streams, self.batch_size, self.seed, self.epochs, rank, world
        )
        data = Rows(self.store, rows, self.target, augmenter, request.views)
        return self._loader(data, sampler)

    def plain_loader(self, split: str) -> DataLoader[Batch]:
        """Every image of ``split`` once, not augmented, in the table's order."""
        rank, world = self._rank()
        rows = self.rows(split)
        data = Rows(self.store, rows, self.target, Augmenter("none", 0))
        return self._loader(data, InOrder(len(rows), 256, rank, world))

    def val_dataloader(self) -> DataLoader[Batch]:
        """The validation split."""
        return self.plain_loader("val")

    def predict_dataloader(self) -> DataLoader[Batch]:
        """The test split: the only place that opens it."""
        return self.plain_loader("test")

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Normalise on the device: uint8 -> float."""
        second = self.normalise(batch.second.image) if batch.second else None
        return batch._replace(
            image=self.normalise(batch.image),
            second=batch.second._replace(image=second) if batch.second else None,
        )

    def normalise(self, image: Tensor) -> Tensor:
        """[..., C, H, W] uint8 -> float, with the constants above."""
        mean, std = (MEAN, STD) if self.in_channels == 3 else ((sum(MEAN) / 3,), (sum(STD) / 3,))
        shape = (-1, 1, 1)
        scale = image.new_tensor(std, dtype=torch.float32).view(shape) * 255
        shift = image.new_tensor(mean, dtype=torch.float32).view(shape) * 255
        return (image.float() - shift) / scale

    def state_dict(self) -> dict[str, Any]:
        """Nothing: data is found again by name."""
        return {}


__all__ = ["DataError", "ImageDataModule", "cache_root", "data_root"]
