"""Checkpoints of a cell that is training: killed at any epoch, it goes on from there.

They are no evidence: they go when their cell ends. The name of each stands for everything that its
training depends on, so that one of other data, code or terms is never taken.
"""

import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Checkpoint

from medtail.datamodules.core import derived, writing
from medtail.datamodules.core.disk import named
from medtail.datamodules.core.errors import first_line

EVERY = 60.0  # seconds of training that may be lost
SUFFIX, DONE = ".ckpt", ".done.pt"


@dataclass(frozen=True)
class Place:
    """Where the checkpoints of a training lie.

    Attributes:
        folder: of a cell, or of a stage that cells share.
        key: of everything that the training depends on.
        every: seconds of training from one to the next.
    """

    folder: Path
    key: str
    every: float

    @property
    def under_way(self) -> Path:
        """The state after an epoch."""
        return self.folder / f"{self.key}{SUFFIX}"

    @property
    def done(self) -> Path:
        """What the whole training gave."""
        return self.folder / f"{self.key}{DONE}"

    def result(self) -> dict[str, Any] | None:
        """What the whole training gave, where the cell was killed later; None where it did not."""
        return _read(self.done, self.key)

    def resumable(self) -> Path | None:
        """A state that can be gone on from; None where there is none that can be believed."""
        return None if _read(self.under_way, self.key) is None else self.under_way

    def keep(self, result: dict[str, Any], seconds: float) -> None:
        """Keep what a training gave, if it took long, for a cell that has more to do."""
        if seconds >= self.every:
            part = writing.part_of(self.done)
            with named(self.done):
                self.folder.mkdir(parents=True, exist_ok=True)
                torch.save(result, part)
                derived.keep(self.done, part, _made_of(self.done, self.key))
        self.under_way.unlink(missing_ok=True)


def folder_of(store: Path, name: str) -> Path:
    """Where a cell's checkpoints lie, or those of a stage that cells share."""
    return store / "under_way" / name


def place(folder: Path, key: str) -> Place:
    """The usual one."""
    return Place(folder, key, EVERY)


def forget(folder: Path) -> None:
    """Remove what a cell left on its way."""
    shutil.rmtree(folder, ignore_errors=True)


def _made_of(path: Path, key: str) -> dict[str, Any]:
    return {"training": key, "form": "".join(path.suffixes)}


def _read(path: Path, key: str) -> dict[str, Any] | None:
    """What a file of our own holds; None where it is absent or damaged, and then set aside."""
    if why := derived.wrong(path, _made_of(path, key)):
        derived.set_aside(path, why)
        return None
    try:
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of another version of a package, whatever that makes of it
        derived.set_aside(path, f"cannot be read ({first_line(error)})")
        return None
    return found


class Saver(Checkpoint):
    """Writes the Trainer's whole state after an epoch, if the last one was some time ago.

    Drawn numbers go on where they were: the states of all generators are kept with it, of every
    process its own. As a ``Checkpoint`` it comes after every other callback and hook of the epoch.

    Args:
        place: of the checkpoints.
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place, self.last = place, time.monotonic()
        self.generators: list[dict[str, Any]] = []
        self.restored: list[dict[str, Any]] = []

    def setup(
        self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str | None = None
    ) -> None:
        """The clock starts."""
        self.last = time.monotonic()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw on as if nothing had been between.

        Lightning has begun the epoch's batches before it knew which epoch it is: once more.
        """
        if self.restored:
            _set_generators(self.restored[trainer.global_rank])
            self.restored = []
            iter(trainer.fit_loop._data_fetcher)  # type: ignore[arg-type]

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write, whole or not at all."""
        over = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        due = not over and time.monotonic() - self.last >= self.place.every
        if not trainer.strategy.broadcast(due):
            return
        mine = _generators()
        self.generators = [mine] * trainer.world_size
        if trainer.world_size > 1:
            torch.distributed.all_gather_object(self.generators, mine)
        under_way = self.place.under_way
        part = writing.part_of(under_way)
        with named(under_way):
            self.place.folder.mkdir(parents=True, exist_ok=True)
            trainer.save_checkpoint(part)
            if trainer.is_global_zero:
                derived.keep(under_way, part, _made_of(under_way, self.place.key))
        self.last = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """With the Trainer's state."""
        return {"generators": self.generators}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From it."""
        self.restored = state_dict["generators"]


def _generators() -> dict[str, Any]:
    on_gpu = torch.cuda.is_available()
    return {
        "python": random.getstate(),
        "numpy": [v.tolist() if isinstance(v, np.ndarray) else v for v in np.random.get_state()],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if on_gpu else None,
    }


def _set_generators(state: dict[str, Any]) -> None:
    random.setstate(state["python"])
    np.random.set_state(tuple(state["numpy"]))
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"])
