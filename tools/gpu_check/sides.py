"""Of ``gpu_check``: images a second of training, side by side.

``medtail`` is the real fit of the long-tail track (data module, sampler, augmentation, Lightning),
``bare`` a PyTorch loop over the same stored images with the same augmentation, batch size,
precision and optimiser; as in ``tools/perf.py``, whose functions know one epoch on a CPU only. Both
with 0 loader processes and with several. ``medtail there`` augments on the GPU, as medtail does by
itself. ``gpu`` trains on one batch that lies on the GPU, with
and without channels-last: what no loader can exceed.
"""

import gc
import time
from collections.abc import Iterator
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities.types import STEP_OUTPUT
from numpy.typing import NDArray
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from medtail.benchmark.grid.cell import Budget, Terms
from medtail.benchmark.tracks import contexts, stages, supervised
from medtail.datamodules.core.base import ImageDataModule, data_root
from medtail.datamodules.core.contract import DataRequest
from medtail.datamodules.core.pixels.transforms import compose

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
WINDOW, WARM = 1.2, 0.4  # seconds that are timed, and before them


def sync() -> None:
    """Wait for the GPU."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def terms_of(size: int, backbone: str, tiny: bool) -> Terms:
    """The terms of a measurement: HAM10000 where it has the size, else drawn lesions."""
    real = size == 28 and not tiny and (data_root() / "ham10000").is_dir()
    budget = Budget(
        batch_size=16 if tiny else 256 if size < 100 else 128,
        optimizer="adamw",
        lr=0.003,
        weight_decay=0.05,
    )
    return Terms(
        data="isic2018@natural" if real else "phantom@natural",
        data_params={} if real else {"count": 300 if tiny else 2000},
        image_size=(size, size),
        backbone=backbone,
        budget=budget,
        selection="last",
    )


class Window(L.Callback):
    """Counts the images of a span of time, after a warm-up.

    Args:
        warm: steps before it, at least; time before it is ``WARM``.
    """

    def __init__(self, warm: int) -> None:
        self.warm, self.steps, self.images = warm, 0, 0
        self.begun, self.first, self.ended = 0.0, 0.0, 0.0

    def step(self, images: int) -> bool:
        """After each step; whether time is up."""
        now = time.time()
        self.steps += 1
        self.first = self.first or now
        if not self.begun:
            if self.steps >= self.warm and now - self.first >= WARM:
                sync()
                self.begun = time.time()
            return False
        self.images += images
        if now - self.begun < WINDOW:
            return False
        sync()
        self.ended = time.time()
        return True

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: STEP_OUTPUT,
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Stop training when time is up."""
        if not trainer.should_stop:
            trainer.should_stop = self.step(len(batch.target))


def through_medtail(terms: Terms, data: ImageDataModule, window: Window) -> None:
    """The fit of the long-tail track until the window closes."""
    method = supervised.make("erm", {}, terms, 0, data)
    data.connect(DataRequest(), terms.budget.batch_size, 0, 1000)
    with contexts.quiet(), contexts.detached(data):
        trainer = stages.trainer(terms, 1000, 1, [window])
        trainer.limit_val_batches = 0
        trainer.fit(method, data)


class Stored(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Batches of stored images by their rows, augmented one by one."""

    def __init__(self, data: ImageDataModule, terms: Terms) -> None:
        self.store, self.target, self.augment = data.store, data.target, compose(terms.augment)

    def __getitem__(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Images [B, C, H, W] uint8 and targets [B]."""
        pixels = self.store.images
        augment = self.augment
        batch = np.stack(
            [augment(image=pixels[i])["image"] if augment else pixels[i] for i in rows]
        )
        return torch.from_numpy(batch).permute(0, 3, 1, 2), torch.from_numpy(self.target[rows])


def shuffled(data: ImageDataModule, size: int) -> list[NDArray[np.int64]]:
    """The rows of each step of an epoch."""
    order = np.random.default_rng().permutation(data.rows("train"))
    return [order[first : first + size] for first in range(0, len(order) - size + 1, size)]


def networks(terms: Terms, data: ImageDataModule) -> torch.nn.Module:
    """The same network as through medtail, in training mode."""
    method = supervised.make("erm", {}, terms, 0, data)
    return torch.nn.Sequential(method.backbone, method.classifier).train().to(DEVICE)


def train(
    network: torch.nn.Module,
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]],
    window: Window,
) -> None:
    """A plain loop until the window closes."""
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.05)
    mean = torch.tensor((0.485, 0.456, 0.406), device=DEVICE).view(-1, 1, 1) * 255
    std = torch.tensor((0.229, 0.224, 0.225), device=DEVICE).view(-1, 1, 1) * 255
    for pixels, labels in batches:
        image = (pixels.to(DEVICE, non_blocking=True).float() - mean) / std
        target = labels.to(DEVICE, non_blocking=True)
        with torch.autocast(DEVICE.type, torch.bfloat16):
            loss = F.cross_entropy(network(image), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if window.step(len(target)):
            return


def bare(terms: Terms, data: ImageDataModule, window: Window) -> None:
    """A loop that does nothing else, with the loader that medtail has."""
    stored, size = Stored(data, terms), terms.budget.batch_size

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = shuffled(data, size)
        loader = DataLoader(
            stored,
            sampler=order,
            batch_size=None,
            num_workers=data.workers or 0,
            persistent_workers=bool(data.workers),
            pin_memory=DEVICE.type == "cuda",
        )
        while True:
            yield from loader
            order[:] = shuffled(data, size)

    train(networks(terms, data), batches(), window)


def resident(terms: Terms, data: ImageDataModule, window: Window, last: bool) -> None:
    """One batch that lies on the GPU, over and over."""
    rows = shuffled(data, terms.budget.batch_size)[0]
    pixels, target = (part.to(DEVICE) for part in Stored(data, terms)[rows])
    network = networks(terms, data)
    layout = torch.channels_last if last else torch.contiguous_format
    network.to(memory_format=layout)
    pixels = pixels.contiguous(memory_format=layout)

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            yield pixels, target

    train(network, batches(), window)


def measure(side: str, workers: int, terms: Terms, data: ImageDataModule) -> dict[str, Any]:
    """Images a second of one side."""
    data.workers, data.augment_there = workers, side == "medtail there"
    torch.backends.cudnn.benchmark = True  # as medtail has it
    gc.collect()  # the network before it
    window = Window(max(3, 2 * workers + 2))  # what loaders had ready at the start is used up
    if DEVICE.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    if side.startswith("medtail"):
        through_medtail(terms, data, window)
    elif side == "bare":
        bare(terms, data, window)
    else:
        resident(terms, data, window, side == "gpu, channels-last")
    peak = torch.cuda.max_memory_allocated() / 2**20 if DEVICE.type == "cuda" else None
    return {
        "images_per_second": round(window.images / (window.ended - window.begun), 1),
        "torch_peak_mib": peak and round(peak),
        "from": window.begun,
        "until": window.ended,
    }
