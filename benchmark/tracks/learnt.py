"""A stage that ends when its images are learnt, before its epochs are over."""

from typing import Any, cast

import lightning as L
import torch
from torch import Tensor

from medtail.datamodules.core.base import ImageDataModule
from medtail.methods.core.base import Method

from . import judging


def counted(method: Method, data: ImageDataModule) -> Tensor:
    """Training images that are classified right, and all of them, [2] float64.

    They are plain and the method is in evaluation mode; of several processes each counts its share.
    """
    training, count = method.training, torch.zeros(2, dtype=torch.float64)
    method.eval()
    for batch in data.plain_loader("train"):
        if not len(batch.target):
            continue
        moved = batch._replace(image=batch.image.to(method.device, non_blocking=True))
        image = data.on_after_batch_transfer(moved, 0).image
        said = judging.logits(method, image.to(next(method.parameters()).dtype)).argmax(1)
        count[0] += int((said.cpu() == batch.target.cpu()).sum())
        count[1] += len(batch.target)
    method.train(training)
    return count


class UntilLearnt(L.Callback):
    """Ends a stage after the first epoch at whose end enough of its images are classified right.

    Args:
        enough: share of the training images, in (0, 1].
    """

    def __init__(self, enough: float) -> None:
        self.enough = enough

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look at the images, and decide in all processes alike."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        with torch.random.fork_rng():  # a loader draws a seed
            mine = counted(cast("Method", pl_module), data)
        right, every = trainer.strategy.reduce(mine.to(pl_module.device), reduce_op="sum").tolist()
        trainer.should_stop = right >= self.enough * every
