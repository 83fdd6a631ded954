"""How long cells would take here: the backbone's pace, scaled by images and epochs."""

import time
from collections.abc import Sequence

import torch
from torch.nn import functional as F

import methods
from datamodules.core.contract import DataSpec

from .cell import Cell, Terms
from .run import prepared
from .tracks import supervised

STEPS = 4
OVERHEAD = 1.5


def seconds_per_image(terms: Terms, spec: DataSpec) -> float:
    """Seconds of a training image: forward, backward and step, the best of a few batches."""
    torch.set_num_threads(1)
    data = prepared(terms)
    method = supervised.make("erm", {}, terms, 0, data)
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
            pace[hash(terms)] = seconds_per_image(terms, data.spec)
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
