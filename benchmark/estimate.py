"""How long cells would take here: the backbone's pace, scaled by images and epochs."""

import os
import time
from collections.abc import Sequence

import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional as F

import methods
from datamodules.core.contract import DataSpec
from datamodules.core.errors import DataError

from .cell import Cell
from .driver import clock
from .run import prepared
from .tracks import supervised

STEPS = 4
OVERHEAD = 1.5


def seconds_per_image(cell: Cell, spec: DataSpec) -> float:
    """Seconds of a training image: forward, backward and step, the best of a few batches."""
    torch.set_num_threads(1)
    terms = cell.terms
    method = supervised.make(cell.method, cell.params, terms, 0, prepared(terms))
    optimizer = torch.optim.SGD(method.parameters(), 1e-4)
    amount = min(terms.budget.batch_size, sum(spec.class_counts))
    image = torch.randn(amount, spec.in_channels, *spec.image_size)
    image = image.to(memory_format=torch.channels_last)
    target = torch.zeros(amount, dtype=torch.long)
    best = float("inf")
    for _ in range(STEPS):
        started = time.perf_counter()
        with supervised.computing(terms):
            loss = F.cross_entropy(method(image), target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        best = min(best, (time.perf_counter() - started) / amount)
    return best


def estimate(cells: Sequence[Cell]) -> dict[str, float]:
    """Seconds of each cell by id, on one worker; a stage that cells share is counted once.

    ``OVERHEAD`` stands for augmentation, validation and start-up.
    """
    pace: dict[int, float] = {}
    seconds: dict[str, float] = {}
    seen: set[object] = set()
    for cell in cells:
        terms = cell.terms
        data = prepared(terms)
        if hash(terms) not in pace:
            pace[hash(terms)] = seconds_per_image(cell, data.spec)
        method = methods.build(cell.method, data.spec, backbone=terms.backbone, **cell.params)
        total = 0.0
        for stage in method.stages:
            request = method.request(stage)
            streams = request.views * (2 if request.second else 1)
            shared = stage.by or (cell.method if cell.method in supervised.shared_slugs() else None)
            key = (shared, stage.share, cell.seed, hash(terms))
            if shared and key in seen:
                continue
            seen.add(key)
            images = sum(data.spec.class_counts) * terms.budget.epochs * stage.share
            total += images * streams * pace[hash(terms)] * OVERHEAD
        seconds[cell.id] = total
    return seconds


def show(cells: Sequence[Cell], missing: Sequence[Cell], workers: int, console: Console) -> None:
    """Print the grid and how long what is missing would take; without the data, the grid alone."""
    try:
        seconds = estimate(missing)
    except DataError as error:  # the grid can be read without the data
        seconds = {}
        console.print(f"no estimate: {error}", markup=False, highlight=False)
    waiting = {cell.id for cell in missing}
    table = Table("data", "method", "seed", "state", "estimate")
    for cell in cells:
        time = clock(seconds[cell.id]) if cell.id in seconds else ""
        state = "to run" if cell.id in waiting else "done"
        table.add_row(cell.terms.data, cell.row, str(cell.seed), state, time)
    console.print(table)
    places = workers or len(os.sched_getaffinity(0))
    total = sum(seconds.values())
    console.print(
        f"{len(missing)} cells to run: about {clock(total)} of one core's training, "
        f"{clock(total / places)} with {places} workers"
    )
