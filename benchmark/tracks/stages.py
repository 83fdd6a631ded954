"""One stage of a method through Lightning: the only place that makes a Trainer."""

import logging
import math
import os
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.strategies import DDPStrategy

from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.base import Method

from ..grid.cell import Terms
from .amounts import images_of_epoch
from .averaging import Average
from .batchnorm import GlooBatchNorm

MONITORS = {"best_balanced_accuracy": "val/balanced_accuracy", "best_macro_auc": "val/macro_auc"}


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

    def setup(
        self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str | None = None
    ) -> None:
        """Of several processes each one has what ``quiet`` silences still to silence."""
        if trainer.world_size > 1:
            hush()

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
            result = {"state": self.state, "history": self.history, "selected": self.selected}
            torch.save(result, self.path)


LOGGERS = [logging.getLogger(n) for n in ("lightning.pytorch", "lightning.fabric", "lightning")]


def hush() -> None:
    """Silence Lightning's advice about loaders and loggers, which is not for our users."""
    for logger in LOGGERS:
        logger.setLevel(logging.ERROR)
    warnings.simplefilter("ignore")


@contextmanager
def quiet() -> Iterator[None]:
    """Within, ``hush``."""
    levels = [logger.level for logger in LOGGERS]
    try:
        with warnings.catch_warnings():
            hush()
            yield
    finally:
        for logger, level in zip(LOGGERS, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C is a KeyboardInterrupt again: Lightning makes it a SystemExit and goes deaf to it."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)


@contextmanager
def detached(data: ImageDataModule) -> Iterator[None]:
    """Let go of the Trainer and the method's request at the end.

    Data sent to processes must not bring the one along, nor data fit elsewhere obey the other.
    """
    try:
        yield
    finally:
        data.trainer = None
        data.disconnect()


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
        several["strategy"] = DDPStrategy(
            start_method="spawn",
            process_group_backend="nccl" if on_gpu else "gloo",
            find_unused_parameters=True,
        )
        several |= {"sync_batchnorm": True} if on_gpu else {"plugins": [GlooBatchNorm()]}
    return L.Trainer(
        accelerator="gpu" if on_gpu else "cpu",
        devices=devices,
        max_epochs=epochs,
        # Where no epoch is chosen, the last one is validated, for the record.
        check_val_every_n_epoch=epochs if terms.selection == "last" else 1,
        precision=terms.budget.precision,
        gradient_clip_val=terms.budget.clip or None,  # of the norm
        accumulate_grad_batches=terms.budget.accumulate,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
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
    """
    L.seed_everything(seed, workers=True, verbose=False)
    request = method.request(method.stage)
    budget = terms.budget
    each = budget.batch_size, seed, epochs, budget.last_batch, budget.accumulate
    data.connect(request, *each)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fit-") as private:
        path = Path(private) / "result.pt"
        with quiet(), detached(data), interruptible():
            keeper = Keeper(path, terms.selection, tell)
            # The keeper looks at the network before the average gives way to what is trained.
            average = [Average(budget.ema)] if budget.ema else []
            trainer(terms, epochs, devices, [keeper, *average]).fit(method, data)
        result = torch.load(path, weights_only=True)
    seconds = time.perf_counter() - started
    method.to(data.dtype).load_state_dict(result["state"])  # a spawned process had its own copy
    images = epochs * images_of_epoch(request, data, budget)
    return Fitted(result["state"], tuple(result["history"]), result["selected"], seconds, images)
