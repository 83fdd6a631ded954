"""Metric losses by name: modules of embeddings of unit length [N, D] and classes [N] -> scalar.

Those of pytorch-metric-learning have its definitions and defaults; the others are written here.
"""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor, nn

from .losses import supcon_loss


def distances(first: Tensor, second: Tensor) -> Tensor:
    """Euclidean distances [N, M], exact where they are small; the gradient at 0 is 0."""
    return torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist")


def balanced_triplet_loss(features: Tensor, target: Tensor, margin: float) -> Tensor:
    """Triplets whose classes count alike.

    For each class the mean of [m + d(a, p) - d(a, n)]+ over its anchors' triplets that are above 0,
    then the mean over the classes of the batch.

    Args:
        features: [N, D].
        target: [N].
        margin: m.
    """
    distance, same = distances(features, features), target[:, None] == target
    itself = torch.eye(len(target), dtype=torch.bool, device=target.device)
    triplet = (same & ~itself)[:, :, None] & ~same[:, None]
    violation = (margin + distance[:, :, None] - distance[:, None]) * triplet
    active = violation > 0
    each = [
        violation[target == c].clamp(min=0).sum() / active[target == c].sum().clamp(min=1)
        for c in torch.unique(target)
    ]
    return torch.stack(each).mean()


class _Mined(nn.Module):
    """A loss on the triplets that a miner picks."""

    def __init__(self, loss: nn.Module, miner: nn.Module) -> None:
        super().__init__()
        self.loss, self.miner = loss, miner

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        value: Tensor = self.loss(features, target, self.miner(features, target))
        return value


class _Of(nn.Module):
    """A function of (features, target, parameter) as a module."""

    def __init__(self, function: Callable[[Tensor, Tensor, float], Tensor], value: float) -> None:
        super().__init__()
        self.function, self.value = function, value

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        return self.function(features, target, self.value)


class _Centres(nn.Module):
    """Running class means mu_c <- 0.9 mu_c + 0.1 (mean of the batch); the first mean as it is."""

    means: Tensor
    seen: Tensor

    def __init__(self, num_classes: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(num_classes, dim))
        self.register_buffer("seen", torch.zeros(num_classes, dtype=torch.bool))

    @torch.no_grad()
    def update(self, features: Tensor, target: Tensor) -> None:
        """Move the means of the batch's classes."""
        for c in torch.unique(target):
            mean = features[target == c].mean(0).to(self.means.dtype)
            self.means[c] = torch.where(self.seen[c], 0.9 * self.means[c] + 0.1 * mean, mean)
            self.seen[c] = True


class TripletCentre(_Centres):
    """Mean of [m + d(a, mu_y) - min_{c != y} d(a, mu_c)]+, over classes seen so far.

    Args:
        num_classes: K.
        dim: D.
        margin: m.
    """

    def __init__(self, num_classes: int, dim: int, margin: float) -> None:
        super().__init__(num_classes, dim)
        self.margin = margin

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        """The loss, with the means that include this batch."""
        self.update(features, target)
        distance = distances(features, self.means.to(features.dtype))
        own = target[:, None] == torch.arange(len(self.means), device=target.device)
        nearest = distance.masked_fill(own | ~self.seen, torch.inf).amin(1)
        return (self.margin + distance[own] - nearest).clamp(min=0).mean()


class Centre(_Centres):
    """Mean of 1/2 ||z - mu_y||^2."""

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        """The loss, with the means that include this batch."""
        self.update(features, target)
        return (features - self.means[target].to(features.dtype)).square().sum(1).mean() / 2


def _theirs() -> ModuleType:
    """Losses of pytorch-metric-learning, which is slow to import and large in memory."""
    return import_module("pytorch_metric_learning.losses")


def _triplet_hard() -> nn.Module:
    from pytorch_metric_learning import losses, miners, reducers

    loss = losses.TripletMarginLoss(margin=0.3, reducer=reducers.MeanReducer())
    return _Mined(loss, miners.BatchHardMiner())


# Name -> (K, D) -> module. The values are those of metric_two_stage.md, mostly the library's.
METRIC_LOSSES: dict[str, Callable[[int, int], nn.Module]] = {
    "triplet_hard": lambda k, d: _triplet_hard(),
    "triplet_all": lambda k, d: _theirs().TripletMarginLoss(margin=0.05),
    "triplet_balanced": lambda k, d: _Of(balanced_triplet_loss, 0.3),
    "triplet_center": lambda k, d: TripletCentre(k, d, margin=0.3),
    "contrastive": lambda k, d: _theirs().ContrastiveLoss(pos_margin=0, neg_margin=1),
    "multi_similarity": lambda k, d: _theirs().MultiSimilarityLoss(alpha=2, beta=50, base=0.5),
    "circle": lambda k, d: _theirs().CircleLoss(m=0.4, gamma=80),
    "proxy_anchor": lambda k, d: _theirs().ProxyAnchorLoss(k, d, margin=0.1, alpha=32),
    "soft_triple": lambda k, d: _theirs().SoftTripleLoss(
        k, d, centers_per_class=10, la=20, gamma=0.1, margin=0.01
    ),
    "supcon": lambda k, d: _Of(supcon_loss, 0.1),
    "center": lambda k, d: Centre(k, d),
}
