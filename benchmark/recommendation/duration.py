"""How long a recommendation takes here."""

import os
import time
from collections.abc import Sequence

from ..execution import estimate
from ..execution.driver import clock
from ..execution.worker import prepared
from ..features.extraction import Extracted
from ..grid.cell import Cell
from ..tracks.sharing import is_shared

OVERHEAD = 3.0  # seconds of a training that no step takes: epochs of validation, data, record


def told(waiting: Sequence[Cell], workers: int) -> list[str]:
    """Lines on the time that cells would take."""
    if not waiting:
        return ["nothing is left to train: the same command writes the pages again"]
    first = waiting[0]
    some = [c for c in waiting if c.terms == first.terms and c.seed == first.seed]
    measured = estimate.estimate(some)
    groups = len({(c.terms.fold, c.terms.beside, c.seed) for c in waiting})
    own = sum(is_shared(c) or measured[c.id] > 0 for c in some)
    training = groups * (sum(measured.values()) + OVERHEAD * own)
    places = workers or len(os.sched_getaffinity(0))
    lines = [
        f"{len(waiting)} cells to run: about {clock(training)} of one core, "
        f"{clock(training / places)} with {places} workers"
    ]
    if features := seconds_of_features(first):
        lines.append(f"before them, once: features of all images, about {clock(features)}")
    return lines


def seconds_of_features(cell: Cell) -> float:
    """Of those that are still to be computed, by a batch of them."""
    found = prepared(cell.terms).features
    if not isinstance(found, Extracted) or found.path.exists():
        return 0.0
    amount = min(8, found.step, found.shape[0])
    started = time.process_time()
    found.batch(slice(0, amount))
    return (time.process_time() - started) / amount * found.shape[0]
