"""Boards of one-class scores."""

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics import one_class

from .world import Result, Truth, World, record

ONE = (120, 40, 20)


def truth(world: World) -> Truth:
    """Of normal scores; a training moves the skill."""
    true: Truth = {}
    for row, (skill, sigma) in enumerate(zip(world.skill, world.sigma, strict=True)):
        # A difference of two scores has variance 2, and the skill's own.
        each = [norm.cdf(s / np.sqrt(2 + sigma**2)) for s in (skill, 0.6 * skill)]
        name = f"m{row:02d}"
        true |= {(name, "class_auroc", k): float(v) for k, v in enumerate(each)}
        true[name, "auroc", None] = float(np.average(each, weights=ONE[1:]))
    return true


def board(world: World, seeds: int, rng: np.random.Generator) -> Iterator[Result]:
    """One draw; half of an image's noise is shared by all rows and trainings."""
    source = np.repeat(np.arange(3), ONE)
    target = (source > 0).astype(np.int64)
    effect = np.array([0.0, 1.0, 0.6])[source]
    ids = np.array([f"s{n:04d}" for n in range(len(source))])
    shared = rng.normal(0, np.sqrt(0.5), len(source))
    for row in range(len(world.skill)):
        own = rng.normal(0, np.sqrt(0.25), len(source))
        for seed in range(seeds):
            skill = world.skill[row] + rng.normal(0, world.sigma[row])
            score = skill * effect + shared + own + rng.normal(0, np.sqrt(0.25), len(source))
            logits = np.stack([np.zeros(len(score)), score], 1)
            given = Predictions.of(ids, ids, target, logits, source_class=source)
            facts = {
                "class_names": ("a", "not a"),
                "class_counts": (500, 0),
                "scored_names": ("b", "c"),
                "support": ONE[1:],
                "metrics": one_class.score(given, None, ("a", "b", "c")),
            }
            yield record(row, seed, "made@oneclass", given, **facts), given, None
