"""Least confidence: label where the best class is least probable.

Paper: Lewis and Gale, "A sequential algorithm for training text classifiers", SIGIR 1994; Settles,
    "Active learning literature survey", 2009, section 3.1.
Equations: the images with the smallest max_c p_c.
Deviations: none. Equal scores are drawn at random.
Status: faithful.
"""

import torch
from torch import Tensor

from .core.active.base import Acquisition, highest, probabilities
from .core.base import Method, Scene


class LeastConfidence(Acquisition):
    """The most uncertain images, by the probability of the best class."""

    paper = "Lewis and Gale 1994"

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        return highest(-probabilities(scene.pool.logits).amax(1), budget, generator)
