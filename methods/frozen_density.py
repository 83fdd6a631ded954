"""How unusual the features of a pretrained network are, without any training.

Paper: folklore; Gaussian: Ahuja et al., "Probabilistic modeling of deep features for
    out-of-distribution and adversarial detection", https://arxiv.org/abs/1909.11786 (anomalib
    @b72336861, dfm/); nearest neighbours: Bergman et al., https://arxiv.org/abs/2002.10445.
Equations: f the features of an image. ``mahalanobis``: (f - mu)^T Sigma^-1 (f - mu) with mu and
    Sigma of the given training images; ``knn``: 1/k sum ||f / ||f|| - f_i||^2 over the k nearest
    given f_i of length 1, k = 5; ``residual``: ||f - mu - P P^T (f - mu)||^2, P the main
    components, as many as hold 97 % of the variance.
Deviations: Sigma is shrunk after Ledoit and Wolf. Neighbours are compared by direction, the others
    as the features are; ``ocsvm`` is a method of its own, isolation forests are left out. Without
    pretrained weights it is a control, and its row says so. No epoch is chosen: nothing is trained,
    and on tables of features the head ``mlp`` has no hidden layer here, which would stay as drawn.
Status: faithful.
"""

from collections.abc import Iterable
from typing import Literal, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import unknown

from .core.base import Common
from .core.checks import check_interval
from .core.one_class.base import OneClass
from .core.one_class.density import Gaussian, Neighbours, Residual, given_features
from .core.precision import exact

Detector = Literal["mahalanobis", "knn", "residual"]
VARIANCE = 0.97


class FrozenDensity(OneClass):
    """A density, neighbours or components of frozen features.

    Args:
        spec: the data.
        detector: ``mahalanobis``, ``knn`` or ``residual``.
        k: neighbours.
        common: see ``Method``.
    """

    paper = "frozen features"
    stages = ()

    def __init__(
        self,
        spec: DataSpec,
        *,
        detector: Detector = "mahalanobis",
        k: int = 5,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[1, inf)", k=k)
        super().__init__(spec, **common)
        size, dim = spec.class_counts[0], self.num_features
        detectors: dict[str, nn.Module] = {
            "mahalanobis": Gaussian(dim),
            "knn": Neighbours(size, dim, int(k)),
            "residual": Residual(dim, VARIANCE),
        }
        if detector not in detectors:
            raise unknown("detector", str(detector), detectors)
        self.unit, self.detector = detector == "knn", detectors[detector]

    def seen(self, image: Tensor) -> Tensor:
        """What is compared, [B, D] float32: features, or their directions."""
        features = exact(self.features(image))
        return F.normalize(features) if self.unit else features

    def abnormality(self, image: Tensor) -> Tensor:
        """How far an image's features lie from the given ones."""
        scores: Tensor = self.detector(self.seen(image))
        return scores

    @torch.no_grad()
    def conclude(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """Fit the detector to the given training images."""
        self.eval()
        self.detector.fit(given_features(self.seen, train, self.device))  # type: ignore[operator]
