"""The active track: train on what is labelled, choose from the pool, reveal the labels, again."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medtail import methods
from medtail.datamodules.core import derived
from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.splitting.plan import Rows
from medtail.datamodules.core.writing import writer
from medtail.methods.core.base import Method, Scene
from medtail.methods.core.scene import Seen

from ..evidence import record
from ..evidence.predictions import Predictions
from ..grid.cell import Cell, digest
from ..metrics.active import CURVES, rare_accuracy, summary
from ..metrics.long_tail import score
from . import checkpoints, code, supervised
from .outcome import Kept, Scored, Tell, validation
from .sharing import made_of
from .supervised import Trained


@dataclass(frozen=True)
class InRound:
    """Says the round before the epoch; travels to spawned processes."""

    tell: Tell
    place: str

    def __call__(self, line: str) -> None:
        """Pass a line on."""
        self.tell(f"{self.place}, {line}")


def run(cell: Cell, data: ImageDataModule, store: Path, devices: int, tell: Tell) -> Scored:
    """Train and acquire in turn; see ``tracks.Loop``.

    Every round trains a fresh learner with the cell's seed. The counts of the record, and what is
    head, medium or tail, are those of the start; the stages are those of the last round.

    Raises:
        MedtailError: a method answers with no proper choice.
    """
    terms, plan = cell.terms, data.plan
    data.keep(plan.train)  # the data may come from the cell before
    spec = data.spec
    acquirer = supervised.make(cell.method, cell.params, terms, cell.seed, data)
    learner, pool = _learner(cell, acquirer), plan.pool
    rounds: list[record.Round] = []
    chosen = pool[:0]
    seconds, images = 0.0, 0
    for number in range(terms.rounds):
        data.keep(np.union1d(data.kept, chosen))
        pool = np.setdiff1d(pool, chosen)
        told = InRound(tell, f"round {number + 1}/{terms.rounds}")
        under_way = checkpoints.folder_of(store, cell.id)
        if number == 0:
            trained = start(learner, data, store, devices, told)
        else:
            trained = _anew(learner, data, store, devices, told, under_way)
        seconds, images = seconds + trained.seconds, images + trained.images
        over = number + 1 == terms.rounds or not len(pool)
        picked = np.bincount(data.target[chosen], minlength=spec.num_classes)
        if not over:
            chosen = pool[_choose(cell, acquirer, trained.method, data, pool, number)]
        test = supervised.predict(trained.method, data, "test")
        rounds.append(_round(test, data, len(data.kept), tuple(picked.tolist())))
        if over:
            break
    val = supervised.predict(trained.method, data, "val")
    reached = validation(
        terms.selection, score(val, None, spec.class_counts, spec.ordinal), trained.stages
    )
    kept = Kept(trained.method, learner.method, learner.params, reached)
    data.keep(plan.train)
    available = int(np.isin(data.target[plan.pool], spec.rare).sum())
    counts, ordinal = spec.class_counts, spec.ordinal
    return Scored(
        acquirer,
        trained.stages,
        seconds,
        images,
        test,
        val,
        score(test, val, counts, ordinal) | summary(rounds, spec.rare, available),
        tuple(np.bincount(test.target, minlength=spec.num_classes).tolist()),
        kept,
        balanced=score(test, val, counts, ordinal, prior="balanced"),
        rounds=tuple(rounds),
    )


def _learner(cell: Cell, acquirer: Method) -> Cell:
    """The cell of what is trained: the method's learner, or the method itself."""
    slug = acquirer.learner
    if not slug:
        return cell
    return cell.model_copy(update={"method": slug, "params": methods.defaults(slug), "label": ""})


def start(cell: Cell, data: ImageDataModule, store: Path, devices: int, tell: Tell) -> Trained:
    """A learner trained on what is labelled at the start: from the store, or into it.

    All strategies of a learner and a seed begin with it.
    """
    method = supervised.make(cell.method, cell.params, cell.terms, cell.seed, data)
    sources = [code.shared_digest(), code.method_digest(cell.method, cell.params)]
    content = [data.content.data, data.kept.tolist(), data.target[data.kept].tolist()]
    settings = cell.terms.content
    key = digest(
        [
            cell.method,
            cell.params,
            cell.seed,
            settings,
            content,
            data.content.pixels,
            sources,
        ]
    )
    path = store / f"start-{cell.method}-{key}.pt"
    folder = checkpoints.folder_of(store, path.stem)
    new: list[Trained] = []

    def make(part: Path) -> None:
        trained = supervised.train(cell, data, store, devices, tell, folder)
        kept = {
            "state": {k: v.cpu() for k, v in trained.method.state_dict().items()},
            "stages": [stage.model_dump() for stage in trained.stages],
            "seconds": trained.seconds,
            "images": trained.images,
        }
        torch.save(kept, part)
        new.append(trained)

    derived.ensure(path, made_of(path, sources), make)
    checkpoints.forget(folder)
    if new:
        return new[0]
    kept = torch.load(path, weights_only=True)
    method.to(data.dtype).load_state_dict(kept["state"])
    if torch.cuda.is_available():
        method.cuda()
    stages = tuple(record.Stage(**stage | {"shared": True}) for stage in kept["stages"])
    return Trained(method.eval(), stages, kept["seconds"], kept["images"])


def _anew(
    cell: Cell, data: ImageDataModule, store: Path, devices: int, tell: Tell, under_way: Path
) -> Trained:
    """A learner trained on what is labelled now, which no other cell will ask for again."""
    with tempfile.TemporaryDirectory(dir=store, prefix=f".round-{writer()}-") as private:
        return supervised.train(cell, data, Path(private), devices, tell, under_way)


def look(learner: Method, data: ImageDataModule, split: str) -> Seen:
    """The plain images of a split as the learner sees them; of ``train`` what is labelled."""
    learner.eval()
    seen: list[tuple[Any, ...]] = []
    with torch.no_grad():
        for batch in supervised.plain(data, split, learner):
            features = learner.features(batch.image)
            seen.append((features.float(), learner.score(features).float(), batch.target))
    features, logits, target = (torch.cat(parts) for parts in zip(*seen, strict=True))
    return Seen(features, logits, None if split == "pool" else target)


def _choose(
    cell: Cell,
    acquirer: Method,
    learner: Method,
    data: ImageDataModule,
    pool: Rows,
    number: int,
) -> Rows:
    """Positions in what is left of the pool, as the method answers, checked."""
    labelled, query, every = (look(learner, data, s) for s in ("train", "query", "pool"))
    left = np.searchsorted(data.rows("pool"), pool)
    later = torch.from_numpy(~np.isin(data.rows("train"), data.plan.train))
    scene = Scene(labelled, query, Seen(every.features[left], every.logits[left]), later)
    budget = min(cell.terms.acquire, len(pool))
    generator = torch.Generator().manual_seed(supervised.stage_seed(cell.seed, number))
    with torch.no_grad():
        answer = acquirer.acquire(learner, scene, budget, generator)
    positions = answer.cpu().numpy() if isinstance(answer, torch.Tensor) else np.empty(0)
    proper = positions.shape == (budget,) and np.issubdtype(positions.dtype, np.integer)
    if not proper or len(np.intersect1d(positions, np.arange(len(pool)))) < budget:
        raise MedtailError(
            f"{cell.method}: acquire must give {budget} distinct positions below {len(pool)}, "
            f"not {answer!r}"
        )
    return positions


def _round(
    test: Predictions, data: ImageDataModule, labelled: int, picked: tuple[int, ...]
) -> record.Round:
    spec = data.spec
    metrics = score(test, None, spec.class_counts, spec.ordinal)
    recall: Any = metrics["recall"]
    metrics["rare_accuracy"] = rare_accuracy(recall, spec.rare)
    return record.Round(
        labelled=labelled, picked=picked, metrics={name: metrics[name] for name in CURVES}
    )
