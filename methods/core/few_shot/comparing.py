"""The base of methods that judge the queries of an episode by its support set's features."""

from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from ..base import Common
from ..precision import without_autocast
from .base import EpisodicMethod


class ComparingMethod(EpisodicMethod):
    """Learns features in which ``compare``, which a paper fills, is right about queries.

    Args:
        spec: the data.
        common: see ``Method``.
    """

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.classifier: nn.Module = nn.Identity()

    def compare(self, support: Tensor, target: Tensor, query: Tensor) -> Tensor:
        """Features [S, D], labels [S], features [Q, D] -> logits [Q, N]."""
        raise NotImplementedError

    def objective(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean over queries, of logits [Q, N] and targets [Q]."""
        return F.cross_entropy(logits, target)

    @without_autocast
    def loss(self, batch: Batch) -> Tensor:
        """The mean objective of all queries of a meta-batch."""
        shape, s = batch.target.shape, self.support
        features = self.features(batch.image.flatten(0, 1)).view(*shape, -1)
        logits = [
            self.compare(f[:s], target[:s], f[s:])
            for f, target in zip(features, batch.target, strict=True)
        ]
        return self.objective(torch.cat(logits), batch.target[:, s:].flatten())

    def adapt(self, support: Batch) -> Callable[[Tensor], Tensor]:
        """Keep the support set's features."""
        known = self._frozen_features(support.image)

        @torch.no_grad()
        @without_autocast
        def predict(image: Tensor) -> Tensor:
            return self.compare(known, support.target, self._frozen_features(image))

        return predict
