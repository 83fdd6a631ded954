"""The batches that a dataset gives: Lightning's loaders, for training as a method asks."""

import os
from dataclasses import replace
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_warn
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ..arguments import augmentation
from ..contract import Augmentation, Batch, DataRequest, DataSpec, Head, LastBatch
from ..errors import MedtailError
from ..names import DataName
from ..pixels.cache import ImageStore
from ..pixels.transforms import Augmenter
from ..splitting.plan import Plan
from ..table import SampleTable
from . import episodes as lists
from . import machine
from .episodes import Episode, FixedTasks, Tasks, TaskSampler, Urn
from .features import FeatureRows, FeatureStore
from .on_device import Undone, applied
from .parts import InParts
from .rows import InOrder, Rows, normalised
from .samplers import StepSampler

TEST_EPISODES = 600  # of a plain ``Trainer.test``; a suite says its own number


class Loaders(L.LightningDataModule):
    """Loaders over an image store; ``ImageDataModule`` fills what they need."""

    name: DataName  # type: ignore[assignment]  # a parsed name
    table: SampleTable
    image_size: tuple[int, int]
    augment: Augmentation
    workers: int | None
    batch_size: int
    split_seed: int
    store: ImageStore
    features: FeatureStore | None = None  # that stand in for the images, below this head
    head: Head = "linear"
    plan: Plan
    target: NDArray[np.int64]
    kept: NDArray[np.int64]

    def __init__(self) -> None:
        super().__init__()
        self.request, self.seed, self.epochs, self.connected = DataRequest(), 0, 1, False
        self._own_batch_size, self.parts = 128, 1
        self.last: LastBatch = "drop"
        self.predicted, self.dtype = "test", torch.float32
        self.augment_there: bool | None = None  # None: see ``machine``
        self.thrift = 1  # by which batches that are only predicted are divided

    @property
    def spec(self) -> DataSpec:
        """See ``ImageDataModule``."""
        raise NotImplementedError

    def rows(self, split: str) -> NDArray[np.int64]:
        """See ``ImageDataModule``."""
        raise NotImplementedError

    def prepare(self) -> None:
        """See ``ImageDataModule``."""
        raise NotImplementedError

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook: ``prepare``, and images in the Trainer's precision."""
        self.prepare()
        if self.trainer is not None:
            double = self.trainer.precision == "64-true"
            self.dtype = torch.float64 if double else torch.float32

    def connect(
        self,
        request: DataRequest,
        batch_size: int,
        seed: int,
        epochs: int,
        last: LastBatch = "drop",
        parts: int = 1,
    ) -> None:
        """Say what ``train_dataloader`` gives, whatever a method asks for; see ``disconnect``.

        Args:
            request: what the method asks for.
            batch_size: global, over all ranks.
            seed: of the order and the augmentation.
            epochs: length of the stage, for samplers that change with it.
            last: what becomes of images that do not fill a batch, see ``StepSampler``.
            parts: that each batch is given in, see ``InParts``.
        """
        if not self.connected:
            self._own_batch_size = self.batch_size
        self.request, self.batch_size, self.seed, self.epochs = request, batch_size, seed, epochs
        self.last, self.parts, self.connected = last, parts, True

    def disconnect(self) -> None:
        """Give again what a method asks for, see ``ask``, at the data's own batch size."""
        self.batch_size, self.connected = self._own_batch_size, False
        self.last, self.parts = "drop", 1

    def ask(self, request: DataRequest, epochs: int) -> None:
        """A method in a Trainer of one's own says what it needs; ``connect`` goes before it.

        The batch size is the data's own, the seed of the order that of ``L.seed_everything``.

        Args:
            request: what the method asks for.
            epochs: of the Trainer.
        """
        if not self.connected:
            self.request, self.epochs = request, epochs
            self.seed = int(os.environ.get("PL_GLOBAL_SEED", 0))
        elif request != self.request:
            rank_zero_warn(
                f"{self.name}: connect() asked for {self.request}, the method for {request}: the "
                "former is given; disconnect() leaves it to the method"
            )

    def _rank(self) -> tuple[int, int]:
        trainer = self.trainer
        return (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)

    @property
    def fitting_workers(self) -> int:
        """Loader workers of a training; see ``machine.fitting_workers``."""
        return machine.fitting_workers(self)

    def _loader(self, data: Dataset[Batch], sampler: Sampler[Any]) -> DataLoader[Batch]:
        return machine.loader(self, data, sampler)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Training batches as ``connect`` asked for."""
        sampler, request = self.train_sampler(*self._rank()), self.request
        asked = request.augment
        name = augmentation(asked if isinstance(asked, str) else self.augment if asked else "none")
        if request.tasks:
            return self._loader(Tasks(self._rows_of(np.arange(len(self.target)), name)), sampler)
        return self._loader(self._rows_of(self._trained(), name, request.views), sampler)

    def _rows_of(self, rows: NDArray[np.int64], augment: Augmentation, views: int = 1) -> Rows:
        """Rows of the table, augmented; of features any view stands for an augmented image."""
        if self.features is not None:
            return FeatureRows(self.features, rows, self.target, self.seed, augment, views)
        augmenter = Augmenter(augment, self.seed, self.image_size)
        return Rows(self.store, rows, self.target, augmenter, views)

    def _trained(self) -> NDArray[np.int64]:
        rows = self.rows("train")
        return np.union1d(rows, self.plan.withheld) if self.request.withheld else rows

    def train_sampler(self, rank: int, world: int) -> Sampler[Any]:
        """The steps of one of ``world`` processes, as ``connect`` asked for.

        Raises:
            MedtailError: a step is too small for so many processes, or not divisible by them.
        """
        request = self.request
        steps: StepSampler | TaskSampler
        if request.tasks:
            images = len(self.rows("train"))
            drawn, tasks = self._urn("train"), request.tasks
            steps = TaskSampler(drawn, images, tasks, self.seed, rank, world, request.odds)
        else:
            target = self.target[self._trained()]
            streams = (request.sampler, request.second) if request.second else (request.sampler,)
            size, seed = self.batch_size, self.seed
            steps = StepSampler(target, streams, size, seed, self.epochs, rank, world, self.last)
        return InParts(steps, self.parts) if self.parts > 1 else steps

    def _urn(self, split: str) -> Urn:
        shape, table = self.plan.episodes, self.table
        if shape is None:
            raise MedtailError(f"{self.name} has no episodes: take a regime such as shot5")
        _, group = np.unique(table.id if table.group is None else table.group, return_inverse=True)
        what = f"{self.name}, {split}"
        return lists.urn(
            what, self.rows(split), self.target, group, shape, complete=split == "test"
        )

    def test_episodes(self, amount: int) -> list[Episode]:
        """The first episodes of the frozen test list: the same for all methods and seeds."""
        drawn = replace(self._urn("test"), rest=self.plan.rest)
        return drawn.fixed(amount, self.split_seed, lists.TEST)

    def fixed_loader(self, episodes: list[Episode], tasks: int = 1) -> DataLoader[Batch]:
        """Episodes in order, not augmented, so many a step."""
        sampler = FixedTasks(episodes, tasks, *self._rank())
        return self._loader(Tasks(self._rows_of(np.arange(len(self.target)), "none")), sampler)

    def plain_loader(self, split: str) -> DataLoader[Batch]:
        """Every image of ``split`` once, not augmented, in the table's order."""
        rows, (rank, world) = self.rows(split), self._rank()
        steps = machine.plain_images(self.image_size, self.thrift)
        return self._loader(self._rows_of(rows, "none"), InOrder(len(rows), steps, rank, world))

    def val_dataloader(self) -> DataLoader[Batch]:
        """The validation split; a frozen list of episodes where the method learns from them."""
        if not self.request.tasks:
            return self.plain_loader("val")
        fixed = self._urn("val").fixed(lists.VALIDATION_EPISODES, self.split_seed, lists.VALIDATION)
        return self.fixed_loader(fixed, self.request.tasks)

    def test_dataloader(self) -> DataLoader[Batch]:
        """The test split; few-shot: the frozen list of episodes, one a step."""
        if self.plan.episodes is None:
            return self.plain_loader("test")
        return self.fixed_loader(self.test_episodes(TEST_EPISODES))

    def predict_dataloader(self) -> DataLoader[Batch]:
        """The split named by ``predicted``: test, which nothing else opens, or validation."""
        return self.plain_loader(self.predicted)

    def on_after_batch_transfer(self, batch: Batch | Undone, dataloader_idx: int) -> Batch:
        """Augment what is not yet, and normalise on the device: uint8 -> float."""
        batch = applied(batch) if isinstance(batch, Undone) else batch
        second = batch.second
        if second is not None:
            second = second._replace(image=self.normalise(second.image))
        return batch._replace(image=self.normalise(batch.image), second=second)

    def normalise(self, image: Tensor) -> Tensor:
        """[..., C, H, W] uint8 -> float, with the constants above; features stay as they are."""
        if self.features is not None:
            return image.to(self.dtype)
        return normalised(image, self.spec.normalisation, self.dtype)
