"""Ratios that say whether medtail is worth its overhead: ``make perf``.

1. Images per second of a training epoch through medtail (data module, sampler, augmentation,
   Lightning) over those of a bare PyTorch loop with the same network, images, augmentation,
   precision and optimiser, epoch by epoch in turn on one thread.
2. Peak memory of a worker that trains and scores some cells at 96 x 128 px, one after the other.
3. Selection of active learning against submodlib, see ``perf_active``.
4. DAML's meta-step beside the same step written with learn2learn, see ``perf_meta``.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lightning as L
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional as F

from medtail.benchmark.execution import worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.tracks import contexts, stages, supervised
from medtail.datamodules.core.base import ImageDataModule, data_root
from medtail.datamodules.core.contract import DataRequest
from medtail.datamodules.core.pixels.transforms import compose

BUDGET = Budget(epochs=1, batch_size=128, optimizer="adamw", lr=0.003, weight_decay=0.05)
LEAST_RATIO, MOST_MIB, CELLS = 0.9, 1536, 5


class Clock(L.Callback):
    """Seconds of a training epoch, from its first batch to its last."""

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start."""
        self.started = time.perf_counter()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop."""
        self.seconds = time.perf_counter() - self.started


def through_medtail(terms: Terms, data: ImageDataModule) -> float:
    """Images per second of one epoch."""
    method = supervised.make("erm", {}, terms, 0, data)
    data.connect(DataRequest(), terms.budget.batch_size, 0, 1)
    clock = Clock()
    with contexts.quiet(), contexts.detached(data):
        trainer = stages.trainer(terms, 1, 1, [clock])
        trainer.limit_val_batches = 0
        trainer.fit(method, data)
    images = len(data.rows("train")) // terms.budget.batch_size * terms.budget.batch_size
    return images / clock.seconds


def bare(terms: Terms, data: ImageDataModule) -> float:
    """Images per second of one epoch of a loop that does nothing else."""
    method = supervised.make("erm", {}, terms, 0, data)
    network = torch.nn.Sequential(method.backbone, method.classifier).train()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.05)
    rows, size = data.rows("train"), terms.budget.batch_size
    augment = compose(terms.augment, terms.image_size)
    pixels, order = data.store.images, np.random.default_rng(0).permutation(rows)
    mean = torch.tensor((0.485, 0.456, 0.406)).view(-1, 1, 1) * 255
    std = torch.tensor((0.229, 0.224, 0.225)).view(-1, 1, 1) * 255
    started = time.perf_counter()
    for first in range(0, len(order) - size + 1, size):
        index = order[first : first + size]
        batch = np.stack(
            [augment(image=pixels[i])["image"] if augment else pixels[i] for i in index]
        )
        image = (torch.from_numpy(batch).permute(0, 3, 1, 2).float() - mean) / std
        target = torch.from_numpy(data.target[index])
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(network(image), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return len(order) // size * size / (time.perf_counter() - started)


def worker_memory(name: str) -> float:
    """Peak resident memory (MiB) of this process after ``CELLS`` cells of an epoch at 96 x 128."""
    budget = BUDGET.model_copy(update={"batch_size": 64})
    terms = Terms(data=name, image_size=(96, 128), budget=budget)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(CELLS):
            cell = Cell(method="erm", seed=seed, terms=terms)
            record = worker.run(Store(Path(folder)).job(cell, 1)).record
            if record.cost is None:
                raise SystemExit(f"the cell failed: {record.reason}")
            sys.stderr.write(f"cell {seed + 1} of {CELLS}: {record.cost.peak_mib:.0f} MiB\n")
    return record.cost.peak_mib


def compare(sides: dict[str, Callable[[], float]], rounds: int, console: Console) -> float:
    """Run both sides in turn, print a table, return the median of the ratios of neighbours."""
    paces: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            pace = side()
            if number:  # the first round warms up
                paces[name].append(pace)
    table = Table("", "images/s: median", "least", "most")
    for name, values in paces.items():
        table.add_row(name, *(f"{f(values):.0f}" for f in (statistics.median, min, max)))
    console.print(table)
    first, second = paces.values()
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def main() -> None:
    """Print the tables; exit with 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-only", metavar="DATA", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory_only:
        sys.stdout.write(f"{worker_memory(arguments.memory_only)}\n")
        return
    import perf_active  # their imports are no part of a worker's memory
    import perf_meta

    console = Console()
    real = (data_root() / "ham10000").is_dir()
    name = "isic2018@natural" if real else "phantom@natural"
    terms = Terms(data=name, budget=BUDGET)
    data = worker.prepared(terms)
    console.print(
        f"{name}, 28 px, {terms.backbone}, batch 128, bf16, one thread, {arguments.rounds} rounds"
    )
    sides = {
        "medtail": lambda: through_medtail(terms, data),
        "bare PyTorch": lambda: bare(terms, data),
    }
    ratio = compare(sides, arguments.rounds, console)
    console.print(f"ratio medtail / bare: {ratio:.3f} (aim: at least {LEAST_RATIO})")
    done = subprocess.run(
        [sys.executable, __file__, "--memory-only", name],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, **worker.worker_environment()},
    )
    memory = float(done.stdout.split()[-1])
    console.print(
        f"peak memory of a worker after {CELLS} cells on {name} at 96 x 128 px, batch 64: "
        f"{memory:.0f} MiB "
        f"(aim: under {MOST_MIB})"
    )
    # In a process of its own: a child's peak memory is at least that of the process that forks it.
    start = Path(__file__).with_name("perf_start.py")
    starts_fast = subprocess.run([sys.executable, start], check=False).returncode == 0
    selects_fast = perf_active.tables(console)
    meta = perf_meta.compare(console)
    console.print(f"meta-step, least ratio: {meta:.2f} (aim: at least {perf_meta.LEAST_RATIO})")
    slow = ratio < LEAST_RATIO or meta < perf_meta.LEAST_RATIO or not (selects_fast and starts_fast)
    if slow or memory >= MOST_MIB:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
