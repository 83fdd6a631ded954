"""What the methods of active learning share: they choose images, and another method is trained."""

from typing import Unpack

import torch
from torch import Tensor

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import unknown

from ... import describe, names
from ..base import Common, Method
from ..index import Entry


class Acquisition(Method):
    """A method that is about ``acquire`` alone.

    Args:
        spec: the data.
        learner: slug of the supervised method that is trained anew on what is labelled, with its
            default parameters.
        common: see ``Method``.

    Raises:
        MedtailError: no such learner.
    """

    tracks = ("active",)

    def __init__(self, spec: DataSpec, *, learner: str = "erm", **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        learners = {name for name in names() if learns(describe(name))}
        if learner not in learners:
            raise unknown("learner", learner, learners)
        self.learner = learner


def learns(method: Entry) -> bool:
    """Whether it can be the learner of an acquisition: it runs in this track by itself."""
    return "active" in method.tracks and Acquisition.__name__ not in method.parents


def highest(score: Tensor, budget: int, generator: torch.Generator) -> Tensor:
    """Positions of the largest scores [N], the largest first; ``generator`` decides on ties."""
    order = torch.randperm(len(score), generator=generator)
    ranked = score.cpu()[order].argsort(descending=True, stable=True)
    return order[ranked[:budget]]


def probabilities(logits: Tensor) -> Tensor:
    """[N, K] in float64, in which the most confident images do not tie."""
    return logits.double().softmax(1)
