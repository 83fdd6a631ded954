"""Boards of few-shot episodes."""

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics import few_shot

from .world import Result, Truth, World, record

EPISODES, QUERIES, DIFFICULTY = 100, 5, 0.5


def truth(world: World) -> Truth:
    """Of normal scores, whose distance varies by episode and training."""
    spread = np.sqrt(2 + DIFFICULTY**2 + world.sigma**2)
    found = norm.cdf(world.skill / spread)
    return {(f"m{row:02d}", "episode_auc", None): float(v) for row, v in enumerate(found)}


def board(world: World, seeds: int, rng: np.random.Generator) -> Iterator[Result]:
    """One draw; the same episodes for all."""
    episode = np.repeat(np.arange(EPISODES), 2 * QUERIES)
    target = np.tile(np.repeat([0, 1], QUERIES), EPISODES)
    ids = np.array([f"s{n:05d}" for n in range(len(target))])
    difficulty = rng.normal(0, DIFFICULTY, EPISODES)[episode]
    shared = rng.normal(0, np.sqrt(0.5), len(target))
    for row in range(len(world.skill)):
        own = rng.normal(0, np.sqrt(0.25), len(target))
        for seed in range(seeds):
            skill = world.skill[row] + difficulty + rng.normal(0, world.sigma[row])
            score = skill * target + shared + own + rng.normal(0, np.sqrt(0.25), len(target))
            logits = np.stack([np.zeros(len(score)), score], 1)
            given = Predictions.of(ids, ids, target, logits, episode, target)
            facts = {
                "class_names": ("x", "y"),
                "class_counts": (500, 300),
                "scored_names": ("a", "b"),
                "support": (50, 50),
                "metrics": few_shot.score_episodes(given, ("a", "b")),
            }
            yield record(row, seed, "made@shot5", given, **facts), given, None
