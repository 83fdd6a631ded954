"""The long-tail track: train a method's stages on all classes, predict validation and test."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch

from medtail import methods
from medtail.datamodules.core import derived
from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.contract import Batch
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.base import Method, Recipe
from medtail.methods.core.pretrained.tensors import WeightsWarning

from ..evidence import record
from ..evidence.predictions import Predictions
from ..grid.cell import Cell, Terms
from ..metrics.long_tail import score
from . import checkpoints, judging
from . import code as code_of
from .arithmetic import exact_float32
from .optimizers import own_optimizers
from .outcome import Kept, Scored, Tell, validation
from .sharing import is_shared, key_of, made_of, take_over
from .stages import Fitted, fit


@dataclass(frozen=True)
class Trained:
    """A method after its last stage, and the course of its training."""

    method: Method
    stages: tuple[record.Stage, ...]
    seconds: float
    images: int


def make(
    slug: str,
    params: dict[str, Any],
    terms: Terms,
    seed: int,
    data: ImageDataModule,
    tell: Tell = lambda line: None,
) -> Method:
    """A fresh method, seeded, from the weights that its table starts from.

    Args:
        slug: of the method.
        params: its own.
        terms: of the table.
        seed: of what is drawn.
        data: prepared.
        tell: called with a line where tensors of the weights are left over.

    Raises:
        MedtailError: parameters it does not take, or weights that do not fit.
    """
    L.seed_everything(seed, verbose=False)
    start: Any = terms.weights.source if terms.weights else "none"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", WeightsWarning)
        method = methods.build(slug, data.spec, backbone=terms.backbone, weights=start, **params)
    for warning in caught:
        if issubclass(warning.category, WeightsWarning):
            tell(str(warning.message))
        else:
            warnings.warn(warning.message, warning.category, stacklevel=2)
    budget = terms.budget
    method.recipe = Recipe(
        budget.optimizer,
        budget.lr,
        budget.weight_decay,
        budget.momentum,
        budget.warmup,
        budget.schedule,
        budget.milestones,
        budget.gamma,
        budget.layer_decay,
    )
    if budget.tune == "head":
        method.freeze("backbone")
    if not any(weight.requires_grad for weight in method.parameters()):
        more = "head: mlp" if budget.tune == "frozen" else "tune: all"
        raise MedtailError(f"{slug} has nothing above its backbone to train: write {more}")
    method.to(memory_format=torch.channels_last)  # as images are stored
    return method


def allot(method: Method, slug: str, epochs: int) -> list[int]:
    """Epochs of each stage: shares of the budget, rounded so that their sum is not over it.

    Raises:
        MedtailError: a stage would have none.
    """
    shares = np.cumsum([stage.share for stage in method.stages])
    ends = np.rint(shares * epochs).astype(int).tolist()
    each = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    if min(each) < 1:
        raise MedtailError(
            f"budget.epochs={epochs} is too little for the {len(each)} stages of {slug}: raise it"
        )
    return each


def stage_seed(seed: int, number: int) -> int:
    """Seed of a stage's order and draws: equal for all methods, and for a shared stage, too."""
    return (seed * 1000 + number) % 2**32


def run(cell: Cell, data: ImageDataModule, store: Path, devices: int, tell: Tell) -> Scored:
    """Train, predict validation and test, score; see ``tracks.Loop``."""
    trained = train(cell, data, store, devices, tell)
    val, test = (predict(trained.method, data, split) for split in ("val", "test"))
    spec = data.spec
    counts, ordinal = spec.class_counts, spec.ordinal
    reached = validation(cell.terms.selection, score(val, None, counts, ordinal), trained.stages)
    return Scored(
        trained.method,
        trained.stages,
        trained.seconds,
        trained.images,
        test,
        val,
        score(test, val, counts, ordinal),
        tuple(np.bincount(test.target, minlength=spec.num_classes).tolist()),
        Kept(trained.method, cell.method, cell.params, reached),
        balanced=score(test, val, counts, ordinal, prior="balanced"),
    )


def _shared(
    slug: str,
    epochs: int,
    cell: Cell,
    data: ImageDataModule,
    store: Path,
    devices: int,
    tell: Tell,
    under_way: Path | None = None,
) -> tuple[Fitted, bool]:
    """A whole training of ``slug`` for some epochs, from the store or into it.

    Its checkpoints are its own, and go when it ends, unless they have a folder.
    """
    terms, code = cell.trained_on, code_of.digest_of((slug,))
    key = key_of([slug, epochs, cell.seed], terms, data, code)
    path = store / f"{slug}-{key}.pt"

    def train_it(part: Path) -> None:
        method = make(slug, {}, terms, cell.seed, data)
        method.begin(method.stages[0])
        seed = stage_seed(cell.seed, 0)
        place = checkpoints.place(under_way or own, f"{slug}-{key}")
        fitted = fit(method, data, terms, epochs, seed, devices, store, tell, place)
        torch.save(vars(fitted), part)

    own = checkpoints.folder_of(store, path.stem)
    new = derived.ensure(path, made_of(path, [code_of.shared_digest(), code]), train_it)
    checkpoints.forget(own)
    return Fitted(**torch.load(path, weights_only=True)), not new


@exact_float32()
def train(
    cell: Cell,
    data: ImageDataModule,
    store: Path,
    devices: int,
    tell: Tell,
    under_way: Path | None = None,
) -> Trained:
    """Train a cell's method.

    Args:
        cell: what to train.
        data: prepared.
        store: folder of shared stages.
        devices: processes that train together.
        tell: called with a line after each epoch.
        under_way: folder of its checkpoints; by default the cell's below ``store``.
    """
    terms = cell.trained_on
    method = make(cell.method, cell.params, terms, cell.seed, data)
    stages: list[record.Stage] = []
    seconds, images = 0.0, 0
    epochs = allot(method, cell.method, terms.budget.epochs)
    for number, stage in enumerate(method.stages):
        method.stage = stage
        by = stage.by or (cell.method if is_shared(cell) else None)
        if by:
            fitted, loaded = _shared(
                by, epochs[number], cell, data, store, devices, tell, under_way
            )
            take_over(method, fitted.state, by)
        else:
            method.begin(stage)
            seed = stage_seed(cell.seed, number)
            loaded = False
            code = code_of.method_digest(cell.method, cell.params)
            what = [cell.method, cell.params, number, epochs[number], cell.seed, devices]
            folder = under_way or checkpoints.folder_of(store, cell.id)
            place = checkpoints.place(folder, key_of(what, terms, data, code))
            fitted = fit(method, data, terms, epochs[number], seed, devices, store, tell, place)
        seconds, images = seconds + fitted.seconds, images + fitted.images
        stages.append(
            record.Stage(
                name=stage.name,
                epochs=len(fitted.history),
                selected=fitted.selected,
                shared=loaded,
                own_optimizer=own_optimizers(stage),
                history=fitted.history,
            )
        )
    if torch.cuda.is_available():
        method.cuda()  # the Trainer has put it back on the CPU
    method.finish(plain(data, "train", method), plain(data, "val", method))
    return Trained(method, tuple(stages), seconds, images)


def plain(data: ImageDataModule, split: str, method: Method) -> Iterator[Batch]:
    """Normalised batches of a split in order, on the method's device."""
    for batch in data.plain_loader(split):
        image = batch.image.to(method.device, non_blocking=True)
        yield data.on_after_batch_transfer(batch._replace(image=image), 0)


def predict(method: Method, data: ImageDataModule, split: str) -> Predictions:
    """Predict a split in the table's order, in one process and in the precision of the weights."""
    method.to(data.dtype).eval()
    parts = [judging.logits(method, batch.image).cpu() for batch in plain(data, split, method)]
    rows, table = data.rows(split), data.table
    group = table.group if table.group is not None else table.id
    logits = torch.cat(parts).numpy()
    return Predictions.of(table.id[rows], group[rows], data.target[rows], logits)
