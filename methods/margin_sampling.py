"""Margin sampling: label where the two best classes are closest.

Paper: Scheffer et al., "Active hidden Markov models for information extraction", IDA 2001; Settles,
    "Active learning literature survey", 2009, section 3.1.
Equations: the images with the smallest p_(1) - p_(2), the two largest probabilities.
Deviations: none. Equal scores are drawn at random.
Status: faithful.
"""

import torch
from torch import Tensor

from .core.active.base import Acquisition, highest, probabilities
from .core.base import Method, Scene


def margin(probability: Tensor) -> Tensor:
    """p_(1) - p_(2), [N] from [N, K]."""
    first, second = probability.topk(2, dim=1).values.unbind(1)
    return first - second


class MarginSampling(Acquisition):
    """The most uncertain images, by the gap between the two best classes."""

    paper = "Scheffer et al. 2001"

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        return highest(-margin(probabilities(scene.pool.logits)), budget, generator)
