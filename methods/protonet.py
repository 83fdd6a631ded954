"""Prototypical networks: a query belongs to the class whose mean embedding is nearest.

Paper: Snell, Swersky, Zemel, "Prototypical networks for few-shot learning", NeurIPS 2017,
    section 2.2.
Equations: c_n = mean of f(x) over the support images of class n (eq. 1);
    p(y = n | x) = softmax_n(-d(f(x), c_n)) with the squared Euclidean distance d (eq. 2); the loss
    is the mean of -log p(y | x) over the queries (algorithm 1).
Deviations: training episodes have the shape of the test's (the paper: more classes where there are
    more). The embedding is the backbone's pooled output. BatchNorms as usual: statistics of the
    meta-batch in training, the running ones at test, so that a query is judged by itself.
Status: faithful.
"""

from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common
from .core.few_shot.base import EpisodicMethod


def prototypes(features: Tensor, target: Tensor, ways: int) -> Tensor:
    """Class means [N, D] of features [S, D] (eq. 1)."""
    # No matrix product, which autocast would round.
    return torch.stack([features[target == n].mean(0) for n in range(ways)])


def negative_distances(query: Tensor, centres: Tensor) -> Tensor:
    """-||f - c_n||^2: [Q, N] from [Q, D] and [N, D]."""
    return -(query[:, None] - centres).square().sum(2)


class ProtoNet(EpisodicMethod):
    """Nearest class mean in a learnt embedding."""

    paper = "Snell et al. 2017"

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.classifier = nn.Identity()

    def loss(self, batch: Batch) -> Tensor:
        """Mean cross-entropy of all queries of a meta-batch."""
        shape, s = batch.target.shape, self.support
        features = self.features(batch.image.flatten(0, 1)).view(*shape, -1)
        logits = [
            negative_distances(f[s:], prototypes(f[:s], target[:s], self.ways))
            for f, target in zip(features, batch.target, strict=True)
        ]
        return F.cross_entropy(torch.cat(logits), batch.target[:, s:].flatten())

    def adapt(self, support: Batch) -> Callable[[Tensor], Tensor]:
        """The class means of the support set."""
        features = self._frozen_features(support.image)
        centres = prototypes(features, support.target, self.ways)
        return lambda image: negative_distances(self._frozen_features(image), centres)
