"""How far features lie from those of the given class: a Gaussian, and the nearest neighbours."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from medtail.datamodules.core.contract import Batch

from ..precision import without_autocast

Features = Callable[[Tensor], Tensor]


@without_autocast
@torch.no_grad()
def given_features(features: Features, batches: Iterable[Batch], device: torch.device) -> Tensor:
    """[N, D] float32 features of the given images (target 0) of plain batches."""
    parts = [features(b.image.to(device)[b.target.to(device) == 0]) for b in batches]
    return torch.cat(parts)


def ledoit_wolf(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [D] and shrunk covariance [D, D] of features [N, D].

    Ledoit and Wolf, J. Multivariate Analysis 88 (2004), section 3.2: (1 - rho) S + rho mu I with
    mu = tr(S) / D and rho = min(1, b^2 / d^2); no constant is to be chosen.
    """
    mean = features.mean(0)
    centred = features - mean
    amount, dim = features.shape
    sample = centred.T @ centred / amount
    level = sample.diagonal().mean()
    spread = (sample.square().sum() - dim * level**2).clamp(min=1e-300)  # d^2 D
    error = (centred.square().sum(1).square().mean() - sample.square().sum()) / amount  # b^2 D
    rho = (error / spread).clamp(0, 1)
    return mean, (1 - rho) * sample + rho * level * torch.eye(dim).to(sample)


class Gaussian(nn.Module):
    """Squared Mahalanobis distance to the given features; before ``fit`` the squared norm.

    Args:
        dim: D.
    """

    mean: Tensor
    whitening: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("whitening", torch.eye(dim))

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Mean and covariance of features [N, D], in double precision."""
        mean, covariance = ledoit_wolf(features.double())
        values, vectors = torch.linalg.eigh(covariance)
        # Features that do not vary at all say nothing: their direction gets the smallest weight
        # that float32 can tell, not an infinite one.
        values = values.clamp(min=max(1e-6 * float(values.max()), 1e-12))
        self.mean.copy_(mean)
        self.whitening.copy_((vectors * values.rsqrt()).T)

    def forward(self, features: Tensor) -> Tensor:
        """[N, D] -> [N], float32."""
        with torch.autocast(features.device.type, enabled=False):
            centred = features.to(self.mean.dtype) - self.mean
            return (centred @ self.whitening.T).square().sum(1)


class Neighbours(nn.Module):
    """Mean squared Euclidean distance to the k nearest given features; before ``fit`` to 0.

    Args:
        size: the most features that are kept.
        dim: D.
        k: neighbours.
    """

    rows: Tensor
    amount: Tensor

    def __init__(self, size: int, dim: int, k: int) -> None:
        super().__init__()
        self.k = k
        self.register_buffer("rows", torch.zeros(max(size, 1), dim))
        self.register_buffer("amount", torch.tensor(1))

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Keep the first ``size`` of features [N, D]."""
        kept = features[: len(self.rows)]
        self.rows[: len(kept)] = kept
        self.amount.fill_(len(kept))

    def forward(self, features: Tensor) -> Tensor:
        """[N, D] -> [N], float32."""
        with torch.autocast(features.device.type, enabled=False):
            known = self.rows[: int(self.amount)]
            distance = torch.cdist(
                features.to(known.dtype), known, compute_mode="donot_use_mm_for_euclid_dist"
            )
            nearest = distance.topk(min(self.k, len(known)), largest=False).values
            return nearest.square().mean(1)


def auroc(abnormal: Tensor, given: Tensor) -> float:
    """Share of pairs in which the abnormal score [N] is above the given one [M]; a tie is half."""
    known = given.double().sort().values
    below = torch.searchsorted(known, abnormal.double(), right=False)
    upto = torch.searchsorted(known, abnormal.double(), right=True)
    return float((below + upto).double().mean() / (2 * len(known)))


class Residual(nn.Module):
    """Squared length of what the main components leave of a feature; before ``fit`` of all.

    Args:
        dim: D.
        share: of the variance that the components hold.
    """

    mean: Tensor
    components: Tensor

    def __init__(self, dim: int, share: float) -> None:
        super().__init__()
        self.share = share
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("components", torch.zeros(dim, dim))

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Mean and main components of features [N, D], in double precision."""
        values = features.double()
        mean = values.mean(0)
        variance, vectors = torch.linalg.eigh((values - mean).T @ (values - mean))
        variance, vectors = variance.flip(0).clamp(min=0), vectors.flip(1)
        # As many as it takes to hold the share, none where nothing varies.
        held = variance.cumsum(0) - variance
        kept = held < self.share * variance.sum()
        self.mean.copy_(mean)
        self.components.copy_(vectors * kept)

    def forward(self, features: Tensor) -> Tensor:
        """[N, D] -> [N], float32."""
        with torch.autocast(features.device.type, enabled=False):
            centred = features.to(self.mean.dtype) - self.mean
            return (centred - centred @ self.components @ self.components.T).square().sum(1)
