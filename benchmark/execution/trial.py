"""One training step of a network before any training: what fails in it fails now, in one line."""

import torch

from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.contract import Batch, DataRequest
from medtail.datamodules.core.errors import MedtailError, NeedsImagesError, first_line
from medtail.methods.core.base import Method

from ..grid.cell import Cell, Precision, Terms
from ..tracks import supervised
from ..tracks.contexts import quiet
from ..tracks.stages import trainer
from .estimate import computing, made_up


def try_step(method: Method, terms: Terms) -> float:
    """Take a training step with the backbone of a method that is not needed any more.

    Returns:
        GPU memory that the step of a whole batch took, MiB; 0 where there is no GPU.

    Raises:
        MedtailError: it cannot be trained on such images, or not in this precision.
    """
    precision = terms.budget.precision
    reason = _failure(method, terms.budget.batch_size, precision)
    if not reason:
        return torch.cuda.max_memory_reserved() / 2**20 if torch.cuda.is_available() else 0.0
    text = f"backbone '{terms.backbone}' cannot be trained in {precision} ({reason}): "
    exact: Precision = "32-true"
    if precision != exact and not _failure(method, terms.budget.batch_size, exact):
        raise MedtailError(f"{text}write budget.precision: {exact}")
    raise MedtailError(f"{text}take larger images, another batch size or another backbone")


def _failure(method: Method, batch_size: int, precision: Precision) -> str:
    """Why a step of a network fails; empty where it does not."""
    on_gpu = torch.cuda.is_available()
    device = "cuda" if on_gpu else "cpu"
    spec = method.spec
    weights = [p for p in method.train().to(device).parameters() if p.requires_grad]
    images = batch_size if on_gpu else min(2, batch_size)  # a GPU's memory is measured, too
    image = torch.zeros(images, *spec.shape)
    try:
        with computing(precision):
            features = method.features(image.to(device))
        if not features.requires_grad:  # frozen: what stands above it is small
            return ""
        torch.autograd.grad(features.float().square().sum(), weights, allow_unused=True)
    except Exception as error:  # of any kind: the networks are timm's
        return first_line(error)
    return ""


def refusal(cell: Cell, data: ImageDataModule) -> str:
    """Why a row cannot run on features, by a try of each of its stages; empty where it can.

    Args:
        cell: of a table whose images have features in their place.
        data: prepared.
    """
    try:
        method = supervised.make(cell.method, cell.params, cell.terms, 0, data)
        if method.learner:  # which is what is trained
            method = supervised.make(method.learner, {}, cell.terms, 0, data)
        with quiet():
            method.trainer = trainer(cell.terms, 10, 1, [])
        for stage in method.stages:
            batch = made_up(method.spec, method.request(stage), cell.terms.budget.batch_size)
            method.begin(stage).loss(batch)
        if shape := method.spec.episodes:
            episode = made_up(method.spec, DataRequest(tasks=1), 1)
            image, target = episode.image[0], episode.target[0]
            known, query = image[: shape.support], image[shape.support :]
            label = target[: shape.support]
            method.eval().adapt(Batch(known, label, label))(query)
    except NeedsImagesError as error:
        return str(error)
    except Exception as error:  # of any kind: it was written for images
        return f"it needs images, not features ({first_line(error)})"
    return ""
