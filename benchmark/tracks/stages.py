"""One stage of a method through Lightning: the only place that makes a Trainer."""

import math
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint

from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.disk import named
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.writing import writer
from medtail.methods.core.base import Method

from ..grid.cell import Terms
from . import memory
from .amounts import images_of_epoch
from .arithmetic import without_tf32
from .averaging import Average
from .batchnorm import GlooBatchNorm
from .checkpoints import Place, Saver
from .contexts import detached, hush, interruptible, quiet
from .learnt import UntilLearnt
from .ranks import Ranks

MONITORS = {"best_balanced_accuracy": "val/balanced_accuracy", "best_macro_auc": "val/macro_auc"}


# What a `Keeper` knows of the epochs so far.
GOES_ON = ("history", "values", "best", "selected", "state")


@dataclass(frozen=True)
class Fitted:
    """A trained stage.

    Attributes:
        state: the method's state dict at the selected epoch.
        history: one entry per epoch.
        selected: epoch (from 0) the state is from.
        seconds: wall-clock time of training.
        images: training images seen, all streams and views.
    """

    state: dict[str, Any]
    history: tuple[dict[str, float], ...]
    selected: int
    seconds: float
    images: int


class Keeper(L.Callback):
    """Writes the history and the best epoch's state to a file, from the first process."""

    def __init__(self, path: Path, selection: str, tell: Callable[[str], None]) -> None:
        self.path, self.monitor, self.tell = path, MONITORS.get(selection), tell
        self.history: list[dict[str, float]] = []
        self.values: dict[str, float] = {}
        self.best, self.selected = -math.inf, 0
        self.state: dict[str, Any] = {}
        self.before, self.started = 0.0, time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        """For a training that is gone on with."""
        spent = self.before + time.perf_counter() - self.started
        return {n: getattr(self, n) for n in GOES_ON} | {"before": spent}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The epochs before the training was killed."""
        vars(self).update(state_dict)

    def setup(
        self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str | None = None
    ) -> None:
        """Of several processes each one has still to be as this one is."""
        if trainer.world_size > 1:
            hush()
            without_tf32()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the epoch's state if it is the best, or the last."""
        self.values = {
            k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/")
        }
        epoch = trainer.current_epoch
        score = self.values[self.monitor] if self.monitor else float(epoch)
        if math.isnan(score):
            raise MedtailError(
                f"no epoch can be chosen: {self.monitor} is undefined in epoch {epoch + 1} (write "
                "`selection: last`)"
            )
        if score > self.best or not self.state:
            self.best, self.selected = score, epoch
            if trainer.is_global_zero:
                self.state = {
                    k: v.detach().cpu().clone() for k, v in pl_module.state_dict().items()
                }

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note the epoch; stop where its loss is no number any more."""
        loss = float(trainer.callback_metrics["train/loss"])
        self.history.append(self.values | {"train/loss": loss})
        self.values = {}
        if trainer.is_global_zero:
            self.tell(f"epoch {len(self.history)}/{trainer.max_epochs}")
        if not math.isfinite(loss):
            raise MedtailError(
                f"training diverged: the loss is {loss} in epoch {len(self.history)}; "
                "lower budget.lr"
            )

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Hand the result over by file: a spawned process shares no memory with its parent."""
        if trainer.is_global_zero:
            names = ("state", "history", "selected", "before")
            kept = {name: getattr(self, name) for name in names}
            with named(self.path):
                torch.save(kept | {"peak": memory.of_gpu()}, self.path)


def trainer(terms: Terms, epochs: int, devices: int, callbacks: list[L.Callback]) -> L.Trainer:
    """A Trainer with our settings: no hidden files, our samplers, DDP where ``devices`` > 1.

    Raises:
        MedtailError: more GPUs are asked for than there are.
    """
    on_gpu = torch.cuda.is_available()
    if on_gpu and devices > torch.cuda.device_count():
        raise MedtailError(
            f"devices: {devices} asked for, {torch.cuda.device_count()} GPUs are here"
        )
    several: dict[str, Any] = {}
    if devices > 1:
        # Read by the spawned processes: two threads each would fight for the cores.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        several["strategy"] = Ranks(
            start_method="spawn",
            process_group_backend="nccl" if on_gpu else "gloo",
            find_unused_parameters=True,
        )
        several |= {"sync_batchnorm": True} if on_gpu else {"plugins": [GlooBatchNorm()]}
    return L.Trainer(
        accelerator="gpu" if on_gpu else "cpu",
        devices=devices,
        max_epochs=epochs,
        # Where no epoch is chosen, the last one is validated, for the record; any may be the last.
        check_val_every_n_epoch=(
            epochs if terms.selection == "last" and not terms.budget.until else 1
        ),
        precision=terms.budget.precision,
        benchmark=on_gpu or None,  # images have one size: cuDNN tries its ways once
        gradient_clip_val=terms.budget.clip or None,  # of the norm
        accumulate_grad_batches=terms.budget.accumulate,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=any(isinstance(one, Checkpoint) for one in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        inference_mode=False,  # a validation may have to learn from a support set
        **several,
    )


def fit(
    method: Method,
    data: ImageDataModule,
    terms: Terms,
    epochs: int,
    seed: int,
    devices: int,
    folder: Path,
    tell: Callable[[str], None],
    place: Place | None = None,
) -> Fitted:
    """Train the stage the method is in, and reload the epoch that the selection rule keeps.

    Args:
        method: has entered its stage; its weights are changed in place.
        data: prepared.
        terms: budget and selection rule.
        epochs: of this stage.
        seed: of order, augmentation and whatever the method draws.
        devices: processes that train together; the batch size is over all of them.
        folder: for the file in which the result is handed over.
        tell: called with a line after each epoch.
        place: of its checkpoints, from which it goes on; None for none.
    """
    if place and (known := place.result()):
        fitted = Fitted(**known)
        method.to(data.dtype).load_state_dict(fitted.state)
        return fitted
    L.seed_everything(seed, workers=True, verbose=False)
    request = method.request(method.stage)
    budget = terms.budget
    each = budget.batch_size, seed, epochs, budget.last_batch, budget.accumulate
    data.connect(request, *each)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".fit-{writer()}-") as private:
        path = Path(private) / "result.pt"
        with quiet(), detached(data), interruptible():
            # The keeper looks at the network before the average gives way to what is trained.
            callbacks: list[L.Callback] = [Keeper(path, terms.selection, tell)]
            callbacks += [Average(budget.ema)] if budget.ema else []
            callbacks += [UntilLearnt(budget.until)] if budget.until else []
            callbacks += [Saver(place)] if place else []
            goes_on = place.resumable() if place else None
            trainer(terms, epochs, devices, callbacks).fit(
                method, data, ckpt_path=goes_on, weights_only=True
            )
        result = torch.load(path, weights_only=True)
    memory.note(result["peak"])
    seconds = time.perf_counter() - started + result["before"]
    method.to(data.dtype).load_state_dict(result["state"])  # a spawned process had its own copy
    images = len(result["history"]) * images_of_epoch(request, data, budget)
    fitted = Fitted(result["state"], tuple(result["history"]), result["selected"], seconds, images)
    if place:
        place.keep(vars(fitted), seconds)
    return fitted
