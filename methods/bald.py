"""BALD: label where dropout's sub-networks disagree.

Paper: Houlsby et al., "Bayesian active learning for classification and preference learning", 2011
    (arXiv 1112.5745); with dropout: Gal, Islam and Ghahramani, "Deep Bayesian active learning with
    image data", ICML 2017 (arXiv 1703.02910).
Equations: the images with the largest I = H(mean_t p_t) - mean_t H(p_t), where p_t is the
    prediction of pass t through dropout.
Deviations: the backbones here have no dropout, and none is trained with it. It is applied to the
    features before the classifier, when acquiring only: half of them in each of 20 passes, one mask
    an image. So the passes are no samples of a trained posterior, which the paper's are.
Status: reconstruction.
"""

from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor

from medtail.datamodules.core.contract import DataSpec

from .core.active.base import Acquisition, highest, probabilities
from .core.base import Common, Method, Scene
from .core.checks import check_interval
from .entropy_sampling import entropy

PASSES = 20


def mutual_information(probability: Tensor) -> Tensor:
    """H(mean_t p_t) - mean_t H(p_t), [N] from [T, N, K]."""
    return entropy(probability.mean(0)) - torch.stack([entropy(p) for p in probability]).mean(0)


def dropout_passes(
    features: Tensor,
    score: Callable[[Tensor], Tensor],
    passes: int,
    rate: float,
    generator: torch.Generator,
) -> Tensor:
    """Probabilities [T, N, K] of features [N, D] after dropout, scaled to keep their mean."""
    drawn = []
    for _ in range(passes):
        kept = torch.rand(features.shape, generator=generator) >= rate
        drawn.append(probabilities(score(features * kept.to(features) / (1 - rate))))
    return torch.stack(drawn)


class BALD(Acquisition):
    """The images on which dropout's passes disagree most.

    Args:
        spec: the data.
        rate: share of the features that are dropped.
        learner: see ``Acquisition``.
        common: see ``Method``.
    """

    paper = "Gal et al. 2017"
    status = "reconstruction"

    def __init__(
        self,
        spec: DataSpec,
        *,
        rate: float = 0.5,
        learner: str = "erm",
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(0, 1)", rate=rate)
        super().__init__(spec, learner=learner, **common)
        self.rate = rate

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        passes = dropout_passes(scene.pool.features, learner.score, PASSES, self.rate, generator)
        return highest(mutual_information(passes), budget, generator)
