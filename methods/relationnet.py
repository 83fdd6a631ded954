"""Relation network: a small network learns how alike a query and a class are.

Paper: Sung, Yang, Zhang, Xiang, Torr, Hospedales, "Learning to compare: relation network for
    few-shot learning", CVPR 2018, section 3.
Equations: r_n(x) = g(C(f_n, f(x))) in [0, 1] (eq. 1), C the concatenation, f_n the sum of the
    embeddings of the support images of class n; the loss is the mean of (r_n(x) - 1[y = n])^2
    (eq. 2).
Deviations: written from memory of the paper. g sees pooled features, not maps: fully connected
    layers of 64, 8 and 1 units in place of its two convolutional blocks and layers of 8 and 1, as
    a Conv-4 leaves a map of one pixel at 28 px. Scores are r_n / sum_n r_n. BatchNorms as in
    ``protonet``.
Status: reconstruction.
"""

from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common
from .core.few_shot.base import EpisodicMethod


def pairs(query: Tensor, classes: Tensor) -> Tensor:
    """Every class [N, D] beside every query [Q, D]: [Q, N, 2D]."""
    shape = (len(query), len(classes), -1)
    return torch.cat([classes.expand(shape), query[:, None].expand(shape)], 2)


class RelationNet(EpisodicMethod):
    """A learnt comparison in a learnt embedding."""

    paper = "Sung et al. 2018"
    status = "reconstruction"

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.classifier = nn.Identity()
        self.relation = nn.Sequential(
            nn.Linear(2 * self.num_features, 64), nn.ReLU(), nn.Linear(64, 8), nn.ReLU(),
            nn.Linear(8, 1),
        )  # fmt: skip

    def compare(self, support: Tensor, target: Tensor, query: Tensor) -> Tensor:
        """Features [S, D], labels [S], features [Q, D] -> relations before the sigmoid [Q, N]."""
        with torch.autocast(query.device.type, enabled=False):
            classes = F.one_hot(target, self.ways).to(support).T @ support
            scores: Tensor = self.relation(pairs(query, classes))
        return scores.squeeze(2)

    def loss(self, batch: Batch) -> Tensor:
        """Mean squared error of all relations of a meta-batch."""
        shape, s = batch.target.shape, self.support
        features = self.features(batch.image.flatten(0, 1)).view(*shape, -1)
        scores = [
            self.compare(f[:s], target[:s], f[s:])
            for f, target in zip(features, batch.target, strict=True)
        ]
        wanted = F.one_hot(batch.target[:, s:].flatten(), self.ways).to(scores[0])
        return F.mse_loss(torch.cat(scores).sigmoid(), wanted)

    @torch.no_grad()
    def adapt(self, support: Batch) -> Callable[[Tensor], Tensor]:
        """Keep the support set's features."""
        known = self._frozen_features(support.image)

        @torch.no_grad()
        def predict(image: Tensor) -> Tensor:
            scores = self.compare(known, support.target, self._frozen_features(image))
            return F.logsigmoid(scores)

        return predict
