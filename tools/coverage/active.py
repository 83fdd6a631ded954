"""Boards of active learning, of which the trainings alone vary."""

from collections.abc import Iterator

import numpy as np

from medtail.benchmark.evidence.predictions import Predictions

from .world import Result, Truth, World, record


def truth(world: World) -> Truth:
    """The skill itself."""
    return {
        (f"m{n:02d}", "rare_accuracy_area", None): s for n, s in enumerate(world.skill.tolist())
    }


def board(world: World, seeds: int, rng: np.random.Generator) -> Iterator[Result]:
    """One draw of the areas themselves."""
    empty = Predictions.of(np.array(["s"]), np.array(["s"]), np.array([0]), np.zeros((1, 2)))
    for row in range(len(world.skill)):
        for seed in range(seeds):
            area = world.skill[row] + rng.normal(0, world.sigma[row])
            facts = {
                "class_names": ("a", "b"),
                "class_counts": (50, 5),
                "support": (20, 20),
                "rare": (1,),
                "metrics": {"rare_accuracy_area": area, "recall": [0.5, 0.5]},
            }
            yield record(row, seed, "made@active", empty, **facts), empty, None
