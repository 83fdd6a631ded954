"""The few-shot track: train on the common classes, adapt to episodes of the rare ones."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.contract import Batch
from medtail.datamodules.core.loading.episodes import Episode, list_digest
from medtail.methods.core.base import Method

from ..evidence.predictions import Predictions
from ..grid.cell import Cell
from ..metrics.few_shot import score_episodes
from . import judging
from .outcome import Kept, Scored, Tell, validation
from .supervised import train


def run(cell: Cell, data: ImageDataModule, store: Path, devices: int, tell: Tell) -> Scored:
    """Train as the long-tail track does, then adapt to the frozen list; see ``tracks.Loop``."""
    trained = train(cell, data, store, devices, tell)
    episodes, plan = data.test_episodes(cell.terms.test_episodes), data.plan
    logits = judge(trained.method, data, episodes, cell.seed, tell)
    test = predictions(data, episodes, logits)
    common = len(plan.class_names)
    # 52 bits, which JSON keeps: records of the same list have the same number.
    drawn = int(list_digest(episodes, data.table.id)[:13], 16)
    return Scored(
        trained.method,
        trained.stages,
        trained.seconds,
        trained.images,
        test,
        None,
        {**score_episodes(test, plan.sought), "episode_list": drawn},
        tuple(np.bincount(plan.target[plan.test] - common, minlength=len(plan.sought)).tolist()),
        Kept(
            trained.method,
            cell.method,
            cell.params,
            validation(cell.terms.selection, {}, trained.stages),
        ),
        plan.sought,
    )


def judge(
    method: Method, data: ImageDataModule, episodes: list[Episode], seed: int, tell: Tell
) -> NDArray[np.float32]:
    """Logits of every episode's queries, episode by episode: [E * Q, N]."""
    support = data.spec.episodes.support if data.spec.episodes else 0
    scores = []
    method.to(data.dtype).eval()  # trained by other processes, it is as it was made
    for number, raw in enumerate(data.fixed_loader(episodes)):
        batch = raw._replace(image=raw.image.to(method.device))
        image = data.on_after_batch_transfer(batch, 0).image[0]
        target = raw.target[0].to(method.device)
        known = Batch(image[:support], target[:support], raw.index[0, :support])
        scores.append(judging.learnt(method, known, seed, number)(image[support:]).cpu())
        if (number + 1) % 50 == 0:
            tell(f"test episode {number + 1}/{len(episodes)}")
    return torch.cat(scores).numpy()


def predictions(
    data: ImageDataModule, episodes: list[Episode], logits: NDArray[np.float32]
) -> Predictions:
    """Rows of all queries, in the order of the episodes."""
    support = data.spec.episodes.support if data.spec.episodes else 0
    rows = np.concatenate([e.rows[support:] for e in episodes])
    queries = [len(e.rows) - support for e in episodes]
    table = data.table
    group = table.group if table.group is not None else table.id
    return Predictions.of(
        table.id[rows],
        group[rows],
        np.concatenate([e.target[support:] for e in episodes]),
        logits,
        np.arange(len(episodes)).repeat(queries),
        data.target[rows] - len(data.plan.class_names),
    )
