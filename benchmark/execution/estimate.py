"""How long cells would take here: a few steps of each method's own loss, times the steps it has."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional as F

from medtail import methods
from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec, EpisodeShape
from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.loading.samplers import stream_size
from medtail.methods.core.base import Method, Stage

from ..features import standing_in
from ..grid.cell import Cell, Precision, Terms, digest
from ..tracks import supervised
from ..tracks.contexts import quiet
from ..tracks.sharing import shared_slugs
from ..tracks.stages import trainer
from .driver import clock
from .worker import prepared

STEPS, ENOUGH = 3, 0.5  # calls that are timed, and seconds of one that needs no other
OVERHEAD = 1.8  # augmentation, validation, loading; from the 132 records of HAM10000 at 28 px
LOOP = 0.005  # seconds of a step beside it: the trainer's loop, the optimiser; from frozen features
FORWARD = 1 / 3  # of a training step: a forward pass alone


@dataclass(frozen=True)
class Pace:
    """Seconds of a training step, and the images of the training split that it stands for."""

    seconds: float
    images: int

    def steps(self, images: int) -> int:
        """Of an epoch of so many images."""
        return max(1, images // min(self.images, images))

    def over(self, images: int) -> float:
        """Seconds of the steps of an epoch of so many images."""
        return self.steps(images) * self.seconds


def timed(call: Callable[[], object]) -> float:
    """Seconds of processor time of a call, the best of a few: others may be at work here."""
    best = float("inf")
    for _ in range(STEPS):
        started = time.process_time()
        call()
        best = min(best, time.process_time() - started)
        if best > ENOUGH:
            break
    return best


def made_up(spec: DataSpec, request: DataRequest, size: int) -> Batch:
    """A batch of random pixels in the shape that a request gives."""
    pixels, shape = spec.shape, spec.episodes
    if request.tasks and shape:
        target = episode_labels(shape).repeat(request.tasks, 1)
        classes = torch.arange(shape.n_way).expand(request.tasks, -1)
        return Batch(torch.randn(*target.shape, *pixels), target, target, classes=classes)
    present = torch.tensor([k for k, count in enumerate(spec.class_counts) if count])

    def stream(amount: int) -> Batch:
        target = present[torch.arange(amount) % len(present)]
        views = (request.views,) if request.views > 1 else ()
        image = torch.randn(amount, *views, *pixels)
        image = image.to(memory_format=torch.channels_last) if image.ndim == 4 else image
        return Batch(image, target, torch.arange(amount))

    second = stream(stream_size(request.second, size, len(present))) if request.second else None
    return stream(stream_size(request.sampler, size, len(present)))._replace(second=second)


def episode_labels(shape: EpisodeShape) -> torch.Tensor:
    """[M] labels of an episode, the support first."""
    ways = torch.arange(shape.n_way)
    each = ways.repeat_interleave(shape.k_shot), ways.repeat_interleave(shape.n_query)
    return torch.cat(each)


def pace(method: Method, stage: Stage, terms: Terms) -> Pace:
    """The pace of a stage: of the method's own loss, else of cross-entropy on as many images."""
    spec, request = method.spec, method.request(stage)
    size = min(terms.budget.batch_size, sum(spec.class_counts))
    batch = made_up(spec, request, size)
    method.begin(stage)
    with quiet():
        method.trainer = trainer(terms, 10, 1, [])  # for losses that ask how far training is
    trained = [p for p in method.parameters() if p.requires_grad]

    def step(batch: Batch, loss: Callable[[Batch], Tensor]) -> None:
        with computing(terms.budget.precision):
            value = loss(batch)
        torch.autograd.grad(value, trained, allow_unused=True)

    try:
        seconds = timed(lambda: step(batch, method.loss))
    except Exception:  # whatever made-up pixels are no good for: an estimate stops nobody
        plain = made_up(spec, DataRequest(), size)
        streams = request.views * (2 if request.second else 1)
        seconds = streams * timed(lambda: step(plain, lambda b: cross_entropy(method, b)))
    return Pace(seconds, batch.target.numel() if request.tasks else size)


def computing(precision: Precision) -> AbstractContextManager[None]:
    """The precision in which a Trainer computes a loss."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    low = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)
    return torch.autocast(device, low or torch.bfloat16, enabled=low is not None)


def cross_entropy(method: Method, batch: Batch) -> Tensor:
    """What stands for a loss that cannot be timed."""
    return F.cross_entropy(method(batch.image), batch.target)


def testing(method: Method, terms: Terms) -> float:
    """Few-shot: seconds of the test's episodes."""
    shape = method.spec.episodes
    if shape is None:
        return 0.0
    episode = made_up(method.spec, DataRequest(tasks=1), 1)
    image, target = episode.image[0], episode.target[0]
    support = Batch(image[: shape.support], target[: shape.support], target[: shape.support])
    try:
        seconds = timed(lambda: method.adapt(support)(image[shape.support :]))
    except Exception:  # as above
        seconds = 0.0
    return terms.test_episodes * seconds


class Estimate:
    """Seconds of cells, one after the other; what they share is measured and counted once."""

    def __init__(self) -> None:
        self.paces: dict[str, list[tuple[Stage, Pace]]] = {}
        self.tests: dict[str, float] = {}
        self.seen: set[object] = set()

    def seconds(self, cell: Cell) -> float:
        """Of a cell on one worker."""
        data, terms = prepared(cell.terms), cell.terms
        acquirer = supervised.make(cell.method, cell.params, terms, 0, data)
        slug, params = cell.method, cell.params
        active = data.spec.track == "active"
        if active and acquirer.learner:
            slug, params = acquirer.learner, {}
        stages = self._stages(slug, params, terms)
        total = self.tests[_key(slug, params, terms)]
        for number, images in enumerate(trainings(terms, data)):
            for stage, pace in stages:
                by = stage.by or (slug if slug in shared_slugs() else None)
                if number == 0 and (by or active):
                    key = (by or slug, stage.share, cell.seed, hash(terms))
                    if key in self.seen:
                        continue
                    self.seen.add(key)
                epoch = pace.over(images) * OVERHEAD + pace.steps(images) * LOOP
                total += epoch * terms.budget.epochs * stage.share
            if active and stages:
                total += stages[-1][1].over(len(data.rows("pool"))) * FORWARD
        return total

    def _stages(self, slug: str, params: dict[str, Any], terms: Terms) -> list[tuple[Stage, Pace]]:
        key = _key(slug, params, terms)
        if key not in self.paces:
            method = supervised.make(slug, params, terms, 0, prepared(terms))
            self.paces[key] = [
                (s, self._stages(s.by, {}, terms)[0][1] if s.by else pace(method, s, terms))
                for s in method.stages
            ]
            self.tests[key] = testing(method, terms)
        return self.paces[key]


def _key(slug: str, params: dict[str, Any], terms: Terms) -> str:
    """What is timed once: draws and folds of a table have one pace."""
    return digest([slug, params, terms.table.model_dump()])


def trainings(terms: Terms, data: ImageDataModule) -> list[int]:
    """Images of each training: one, of active learning one in every round."""
    first = len(data.rows("train"))
    if data.spec.track != "active":
        return [first]
    most = first + len(data.rows("pool"))
    return [min(first + n * terms.acquire, most) for n in range(terms.rounds)]


def estimate(cells: Sequence[Cell]) -> dict[str, float]:
    """Seconds of each cell by id, on one worker; a stage that cells share is counted once."""
    torch.set_num_threads(1)
    made = Estimate()
    by_data = sorted(cells, key=lambda cell: digest(cell.terms.model_dump()))
    return {cell.id: made.seconds(cell) for cell in by_data}


def features_first(cells: Sequence[Cell]) -> dict[str, float]:
    """Seconds for the features that tables need and do not have, by the data they are of."""
    needed: dict[Any, tuple[str, float]] = {}
    for terms in dict.fromkeys(cell.terms for cell in cells):
        if terms.budget.tune == "frozen" and (
            first := standing_in.seconds(data := prepared(terms))
        ):
            needed[getattr(data.features, "path", None)] = (str(data.name.source), first)
    return dict(needed.values())


def show(cells: Sequence[Cell], missing: Sequence[Cell], workers: int, console: Console) -> None:
    """Print the grid and how long what is missing would take; without the data, the grid alone."""
    try:
        seconds, first = estimate(missing), features_first(missing)
    except DataError as error:  # the grid can be read without the data
        seconds, first = {}, {}
        console.print(f"no estimate: {error}", markup=False, highlight=False)
    waiting = {cell.id for cell in missing}
    table = Table("data", "method", "seed", "state", "estimate")
    for cell in cells:
        trains = cell.id in seconds and methods.get(cell.method).stages
        time = clock(seconds[cell.id]) if trains else ""
        state = "to run" if cell.id in waiting else "done"
        table.add_row(cell.terms.data, cell.row, str(cell.seed), state, time)
    console.print(table)
    for name, needed in first.items():
        console.print(f"features of {name} first, once: about {clock(needed)} of one core")
    places = workers or len(os.sched_getaffinity(0))
    total = sum(seconds.values())
    said = f"{len(missing)} cells to run"
    if seconds:
        both = clock(total), clock(total / places)
        said += ": about {} of one core's training, {} with {} workers".format(*both, places)
    console.print(said)
