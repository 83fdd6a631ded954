"""A cell for which memory was too small: once more, each step's batch in twice as many parts."""

import re
from collections.abc import Iterator

import torch

from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.errors import MedtailError

from ..grid.cell import Cell
from ..tracks import supervised

# CUDA and MPS say it in words where the error has no type of its own.
WORDS = re.compile(
    r"OutOfMemoryError|(?:CUDA|HIP|XPU|MPS)\b.{0,40}out of memory"
    r"|CU(?:DNN|BLAS)_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def out_of_memory(error: BaseException) -> bool:
    """Whether a device had no memory left."""
    return any(
        isinstance(one, torch.OutOfMemoryError)
        or (isinstance(one, RuntimeError) and WORDS.search(str(one)))
        for one in _chain(error)
    )


def halved(cell: Cell) -> Cell:
    """The cell with half as many images at a time; a step sees as many as before.

    Its identity is another one, which no record has: only its checkpoints have that name.
    """
    budget = cell.terms.budget
    budget = budget.model_copy(update={"accumulate": 2 * budget.accumulate})
    terms = cell.terms.model_copy(update={"budget": budget})
    return cell.model_copy(update={"terms": terms})


def can_be_cut(cell: Cell, data: ImageDataModule, devices: int) -> bool:
    """Whether every step of a cell has as many equal parts as its terms ask for."""
    budget = cell.terms.budget
    if budget.contradiction():
        return False
    method = supervised.make(cell.method, cell.params, cell.terms, cell.seed, data)
    slug = method.learner if data.spec.track == "active" else ""
    if slug:  # which is what is trained
        method = supervised.make(slug, {}, cell.terms, cell.seed, data)
    try:
        for stage in method.stages:
            request = method.request(stage)
            data.connect(request, budget.batch_size, 0, 1, budget.last_batch, budget.accumulate)
            data.train_sampler(0, devices)
    except MedtailError:
        return False
    finally:
        data.disconnect()
    return True


def told(cell: Cell) -> str:
    """What the record of a cell says that was halved."""
    budget = cell.terms.budget
    return (
        f"out of memory with accumulate {budget.accumulate // 2}: trained with accumulate "
        f"{budget.accumulate}, {budget.batch_size // budget.accumulate} images at a time"
    )
