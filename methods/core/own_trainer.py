"""A method in a Trainer of one's own: it asks for its batches, or says what else is needed.

Medtail's runner goes the same way; it has begun the stage, connected the data and concludes.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, cast

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_warn
from timm.optim import list_optimizers
from torch import Tensor

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec
from medtail.datamodules.core.errors import MedtailError, unknown

from .checks import slug

if TYPE_CHECKING:
    from .base import Method

PRECISIONS = ("64-true", "32-true", "16-mixed", "bf16-mixed")


class Data(Protocol):
    """What a method needs of a data module to train as it should."""

    spec: DataSpec

    def ask(self, request: DataRequest, epochs: int) -> None:
        """Give such batches in ``fit``, unless somebody has said otherwise."""

    def plain_loader(self, split: str) -> Iterable[Batch]:
        """Every image of a split once, in order."""
        ...

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Normalise."""
        ...


def data_of(trainer: L.Trainer) -> Data | None:
    """The Trainer's data module, where it is one that can be asked; Lightning's may lack it."""
    data = getattr(trainer, "datamodule", None)
    return cast(Data, data) if hasattr(data, "ask") else None


def prepare(method: "Method", stage: str) -> None:
    """Ask for the batches of the method's stage, before the Trainer takes any.

    Args:
        method: in a Trainer.
        stage: Lightning's: ``fit``, ``validate``, ``test`` or ``predict``.

    Raises:
        MedtailError: the Trainer or the data would not train what the method is.
    """
    data = data_of(method.trainer)
    if data is not None:
        _check_data(method, data.spec, training=stage == "fit")
    if stage == "fit":
        _check_stages(method)
        _check_trainer(method)
        method.set_concluded(False)
    if stage in ("fit", "validate"):
        request = method.request(method.stage)
        if data is not None:
            data.ask(request, int(method.trainer.max_epochs or 1))
        elif stage == "fit" and request != DataRequest(made=request.made):
            raise MedtailError(
                f"{slug(method)} asks for batches of its own ({words(request)}), which loaders do "
                "not know: give medtail's data module, trainer.fit(method, datamodule=data)"
            )


def words(request: DataRequest) -> str:
    """What is special about a request, such as ``sampler=class_balanced, views=2``."""
    plain = vars(DataRequest())
    silent = ("made", "odds")
    special = {k: v for k, v in vars(request).items() if v != plain[k] and k not in silent}
    return ", ".join(f"{name}={value}" for name, value in special.items())


def _check_data(method: "Method", spec: DataSpec, training: bool) -> None:
    """Raise where a method was built for other data: other classes, or to train on, at all."""
    mine, name = method.spec, slug(method)
    fields = vars(spec) if training else ("class_names", "in_channels")
    odd = [field for field in fields if getattr(spec, field) != getattr(mine, field)]
    if odd:
        raise MedtailError(
            f"{name} was built for {mine.name}, the data is {spec.name} (not the same: "
            f"{', '.join(odd)}): build it from this data's spec, after prepare()"
        )
    if training and (reason := method.refuses(spec)):
        raise MedtailError(f"{name} cannot run on {spec.name}: {reason}")


def _check_stages(method: "Method") -> None:
    """Raise where one fit of this method is not its training."""
    name, stage = slug(method), method.stage
    if method.learner:
        raise MedtailError(
            f"{name} chooses what to label; what trains is its learner: "
            f"fit '{method.learner}', or run `medtail bench` for the rounds"
        )
    if not method.stages:
        raise MedtailError(
            f"{name} trains nothing: Trainer.predict(method, datamodule=data) fits what it needs"
        )
    if stage.by or (len(method.stages) > 1 and not method.begun):
        of = ", then ".join(s.name + (f" by {s.by}" if s.by else "") for s in method.stages)
        raise MedtailError(
            f"{name} is trained in stages ({of}), not by one Trainer.fit: "
            f"medtail.fit('{name}', data) runs them, and so does `medtail bench`"
        )


def _check_trainer(method: "Method") -> None:
    trainer, name = method.trainer, slug(method)
    if (trainer.max_epochs or 0) < 1:
        raise MedtailError(
            f"{name}: the schedule needs to know its end: write Trainer(max_epochs=...)"
        )
    if trainer.precision not in PRECISIONS:
        raise MedtailError(
            f"{name}: precision {trainer.precision} keeps weights in 16 bits, in which margins and "
            f"log priors are lost: take one of {', '.join(PRECISIONS)}"
        )
    if method.stage.apart and trainer.precision == "16-mixed":
        raise MedtailError(
            f"{name}: what it trains apart would step by scaled gradients: take bf16-mixed"
        )
    if getattr(trainer, "overfit_batches", 0):
        raise MedtailError(
            f"{name}: overfit_batches would replace the sampler: take limit_train_batches"
        )
    recipe = method.stage.recipe or method.recipe
    if recipe.optimizer not in list_optimizers():
        raise unknown("optimizer", recipe.optimizer, list_optimizers())


def check_images(method: "Method", image: Tensor) -> None:
    """Raise where the images of a batch are not normalised, which the data module does."""
    if not image.is_floating_point():
        raise MedtailError(
            f"{slug(method)}: images are {str(image.dtype).removeprefix('torch.')}, not normalised "
            "floats: give the Trainer the data module itself, datamodule=data"
        )


def halves(batch: Batch, support: int) -> Iterator[tuple[Batch, Batch]]:
    """Support and query set of each episode of a meta-batch [T, M, ...]."""
    for parts in zip(batch.image, batch.target, batch.index, strict=True):
        yield Batch(*(p[:support] for p in parts)), Batch(*(p[support:] for p in parts))


def adapted(method: "Method", batch: Batch, support: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits [Q, N] and targets [Q] of each episode's queries, after adapting to its support."""
    check_images(method, batch.image)
    # A Trainer's inference mode would keep an adaptation from its gradients.
    with torch.inference_mode(False), torch.no_grad():
        mine = Batch(batch.image.clone(), batch.target.clone(), batch.index.clone())
        for known, query in halves(mine, support):
            yield method.adapt(known)(query.image), query.target


def plain(data: Data, split: str, device: torch.device) -> Iterator[Batch]:
    """Normalised batches of a split in order."""
    for batch in data.plain_loader(split):
        yield data.on_after_batch_transfer(batch._replace(image=batch.image.to(device)), 0)


def conclude(method: "Method", *, needed: bool) -> None:
    """Fit what no gradient fits, unless it is done: with the data of the Trainer, in one process.

    Args:
        method: in a Trainer.
        needed: whether the method is about to be scored.

    Raises:
        MedtailError: it is needed, and cannot be done here.
    """
    if "concluded" not in method._buffers or method.concluded:
        return
    data = data_of(method.trainer)
    if data is not None and method.trainer.world_size == 1:
        _check_data(method, data.spec, training=True)
        training = method.training
        with torch.inference_mode(False):
            method.finish(*(plain(data, split, method.device) for split in ("train", "val")))
        method.train(training)
        return
    told = (
        f"{slug(method)} fits a part of itself to the training images after its training, in one "
        "process and with the data module: "
    )
    if needed:
        raise MedtailError(f"{told}predict with Trainer(devices=1) and datamodule=data")
    rank_zero_warn(f"{told}which happens when it predicts so")
