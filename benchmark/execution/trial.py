"""One training step of a network before any training: what fails in it fails now, in one line."""

import torch

from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.contract import Batch, DataRequest
from medtail.datamodules.core.errors import MedtailError, NeedsImagesError, first_line
from medtail.methods.core.base import Method

from ..grid.cell import Cell, Precision, Terms
from ..tracks import memory, supervised
from ..tracks.contexts import quiet
from ..tracks.stages import trainer
from .estimate import computing, made_up
from .thrift import out_of_memory


def try_step(method: Method, terms: Terms) -> float:
    """Take a training step with the backbone of a method that is not needed any more.

    Where a GPU has too little memory for a whole part of a batch, half of it is tried: a cell is
    trained so, too, when its memory is at an end.

    Returns:
        GPU memory that the step took, MiB; 0 where there is no GPU.

    Raises:
        MedtailError: it cannot be trained on such images, or not in this precision.
    """
    precision, images = terms.budget.precision, terms.budget.batch_size // terms.budget.accumulate
    error = _failure(method, images, precision)
    if error is not None and out_of_memory(error) and images > 1:
        memory.give_back()
        error = _failure(method, images // 2, precision)
    if error is None:
        return _taken()
    text = f"backbone '{terms.backbone}' cannot be trained in {precision} ({first_line(error)}): "
    if out_of_memory(error):
        raise MedtailError(
            f"{text}set a larger budget.accumulate, or take smaller images or another backbone"
        )
    exact: Precision = "32-true"
    if precision != exact and _failure(method, images, exact) is None:
        raise MedtailError(f"{text}write budget.precision: {exact}")
    raise MedtailError(f"{text}take larger images, another batch size or another backbone")


def _taken() -> float:
    """GPU memory that was in use at most, MiB; what is left of it is given back."""
    if not torch.cuda.is_available():
        return 0.0
    most = torch.cuda.max_memory_reserved() / 2**20
    memory.give_back()  # or it would count as taken where cells are packed
    return most


def _failure(method: Method, batch_size: int, precision: Precision) -> Exception | None:
    """Why a step of a network fails, with no hold on its tensors; None where it does not."""
    on_gpu = torch.cuda.is_available()
    device = "cuda" if on_gpu else "cpu"
    spec = method.spec
    dtype = torch.float64 if precision == "64-true" else torch.float32
    method.to(device, dtype)
    weights = [p for p in method.train().parameters() if p.requires_grad]
    images = batch_size if on_gpu else min(2, batch_size)  # a GPU's memory is measured, too
    image = torch.zeros(images, *spec.shape, dtype=dtype)
    if image.ndim == 4:
        image = image.to(memory_format=torch.channels_last)
    try:
        with computing(precision):
            features = method.features(image.to(device))
        if not features.requires_grad:  # frozen: what stands above it is small
            return None
        torch.autograd.grad(features.float().square().sum(), weights, allow_unused=True)
    except Exception as error:  # of any kind: the networks are timm's
        return error.with_traceback(None)
    finally:
        if on_gpu:
            method.cpu()
    return None


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
        for stage in method.stages:
            one = supervised.make(stage.by, {}, cell.terms, 0, data) if stage.by else method
            first = one.stages[0] if stage.by else stage
            with quiet():
                one.trainer = trainer(cell.terms, 10, 1, [])
            batch = made_up(one.spec, one.request(first), cell.terms.budget.batch_size)
            one.begin(first).loss(batch)
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
