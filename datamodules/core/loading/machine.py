"""What the machine decides of the loading; none of it changes a number."""

import math
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from ..contract import Batch
from .on_device import augments, later

if TYPE_CHECKING:
    from .loaders import Loaders

SIDE_BY_SIDE = "MEDTAIL_SIDE_BY_SIDE"  # set by launchers: cells that share the cores
MOST, FEW = 12, 4  # loaders that augment; that only read
# Bytes of a forward pass for each pixel of an image: three maps of 256 channels in float32, which a
# ResNet-50 without a stride in its stem has.
OF_A_PIXEL = 3072
PLAIN = 2048  # images of a batch that is predicted, at most


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side() -> int:
    """Cells that share this machine's cores."""
    return max(1, int(os.environ.get(SIDE_BY_SIDE, "1")))


def on_gpu(loaders: "Loaders") -> bool:
    """Whether a Trainer on a GPU asks for the batches."""
    trainer = loaders.trainer if torch.cuda.is_available() else None
    return trainer is not None and trainer.strategy.root_device.type == "cuda"


def augments_there(loaders: "Loaders") -> bool:
    """Whether images are augmented where the network is: on a GPU, unless somebody decides."""
    return on_gpu(loaders) if loaders.augment_there is None else loaders.augment_there


def loader(loaders: "Loaders", data: Dataset[Batch], sampler: Sampler[Any]) -> DataLoader[Batch]:
    """The steps of a sampler, read and augmented by whom the machine has for it.

    Args:
        loaders: of the data.
        data: gives a step.
        sampler: says which.
    """
    given = later(data) if augments_there(loaders) else data
    workers = fitting_workers(loaders, augments(given))
    return DataLoader(
        given,
        sampler=sampler,
        batch_size=None,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),  # Lightning copies pinned batches while it computes
    )


def chosen_workers(loaders: "Loaders", augmenting: bool) -> int:
    """Loader processes as asked for; else on a GPU the cores that a cell has, but for its own.

    On a CPU the training takes the cell's core, and images are read in between.

    Args:
        loaders: of the data.
        augmenting: whether they augment images, too.
    """
    if loaders.workers is not None:
        return loaders.workers
    if not torch.cuda.is_available() or loaders.features is not None:  # which are read at once
        return 0
    processes = loaders.trainer.world_size if loaders.trainer is not None else 1
    spare = cores() // (side_by_side() * processes) - 1
    return max(0, min(spare, MOST if augmenting else FEW))


def fitting_workers(loaders: "Loaders", augmenting: bool = True) -> int:
    """Loader workers, none where the steps they hand over do not fit into shared memory.

    Each has two steps under way, and one more is in use; past the end the system ends a worker
    without a word.
    """
    request, shared = loaders.request, Path("/dev/shm")
    amount = request.views * loaders.batch_size * (1 + bool(request.second))
    if request.tasks and loaders.plan.episodes:
        amount = request.tasks * loaders.plan.episodes.images
    step = amount * math.prod(loaders.spec.shape)
    free = shutil.disk_usage(shared).free if shared.is_dir() else math.inf
    workers = chosen_workers(loaders, augmenting)
    return workers if (2 * workers + 1) * step < free else 0


def plain_images(size: tuple[int, int], thrift: int = 1) -> int:
    """Images of a batch that is only predicted: as memory has room for.

    Args:
        size: (height, width) in pixels.
        thrift: the batch is divided by it, where memory was too small before.
    """
    pixels = math.prod(size)
    images = max(8, min(256, 2**20 // pixels))  # memory as in training
    if torch.cuda.is_available():
        free = torch.cuda.mem_get_info()[0] // 2 // side_by_side()
        images = max(8, min(PLAIN, free // (OF_A_PIXEL * pixels)))
    return max(1, images // thrift)
