"""Entropy sampling: label what the learner is most uncertain of.

Paper: Shannon, "A mathematical theory of communication", 1948; as an acquisition: Settles, "Active
    learning literature survey", 2009, section 3.1.
Equations: the images with the largest H = -sum_c p_c log p_c, where 0 log 0 = 0.
Deviations: none. Equal scores are drawn at random. The implementation that CLINICAL's authors
    compare with (distil) gives NaN where a probability rounds to 0; this one does not.
Status: faithful.
"""

import torch
from torch import Tensor

from .core.active.base import Acquisition, highest, probabilities
from .core.base import Method, Scene


def entropy(probability: Tensor) -> Tensor:
    """-sum_c p_c log p_c, [N] from [N, K]."""
    terms: Tensor = torch.special.entr(probability)
    return terms.sum(1)


class EntropySampling(Acquisition):
    """The most uncertain images, by entropy."""

    paper = "Settles 2009"

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        return highest(entropy(probabilities(scene.pool.logits)), budget, generator)
