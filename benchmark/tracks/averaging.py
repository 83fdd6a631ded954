"""An exponential moving average of the trained network, which is what is validated and kept."""

from collections.abc import Iterator
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn


def averaged(method: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """What is averaged: weights that are trained, and the running statistics of batch norms.

    All other state stays as it is: Lightning's and PyTorch's averages take every buffer or none,
    and a queue of features, or a network that a method averages itself, is none to average.
    """
    for name, weight in method.named_parameters():
        if weight.requires_grad:
            yield name, weight
    for place, layer in method.named_modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.running_mean is not None:
            for name in ("running_mean", "running_var"):
                yield f"{place}.{name}", layer.get_buffer(name)


class Average(L.Callback):
    """After every step, average <- decay * average + (1 - decay) * trained.

    It begins as the network after the first step. While a validation runs, the method has it in the
    place of what is trained; callbacks that look at the network at its end stand before this one.

    Args:
        decay: in (0, 1).
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.values: dict[str, Tensor] = {}
        self.trained: dict[str, Tensor] = {}
        self.steps = 0

    def state_dict(self) -> dict[str, Any]:
        """For a training that is gone on with."""
        return {"values": self.values, "steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From it."""
        self.values, self.steps = state_dict["values"], state_dict["steps"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Be where the network is."""
        self.values = {name: value.to(pl_module.device) for name, value in self.values.items()}

    @torch.no_grad()
    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's own
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Add the network, where the batch was the last one of a step."""
        if trainer.global_step == self.steps:
            return
        self.steps = trainer.global_step
        for name, value in averaged(pl_module):
            if name in self.values:
                self.values[name].lerp_(value.detach(), 1 - self.decay)
            else:
                self.values[name] = value.detach().clone()

    @torch.no_grad()
    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Put the average in."""
        for name, value in averaged(pl_module):
            self.trained[name] = value.detach().clone()
            value.copy_(self.values[name])

    @torch.no_grad()
    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Go on with what is trained."""
        for name, value in averaged(pl_module):
            value.copy_(self.trained.pop(name))
