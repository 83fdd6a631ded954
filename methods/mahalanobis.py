"""Mahalanobis distance of features that were learnt without labels.

Paper: Sehwag et al., "SSD: a unified framework for self-supervised outlier detection", ICLR 2021,
    with one cluster; after Lee et al., NeurIPS 2018.
Equations: score (f - mu)^T Sigma^-1 (f - mu), f the features of the image at length 1, mu and Sigma
    those of the given training images; the network is trained by SimCLR's loss on the given class.
Deviations: Sigma is shrunk after Ledoit and Wolf. SimCLR's views are those of ``contrastive``,
    which keep the colour. Each step shows two views of an image. The paper's text was not at hand.
Status: reconstruction.
"""

from collections.abc import Iterable
from typing import Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common
from .core.one_class.density import Gaussian, given_features
from .core.one_class.instance_discrimination import InstanceDiscrimination
from .core.precision import exact


class Mahalanobis(InstanceDiscrimination):
    """A Gaussian of contrastive features.

    Args:
        spec: the data.
        common: see ``Method``.
    """

    paper = "Sehwag et al. 2021"
    status = "reconstruction"

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.density = Gaussian(self.num_features)

    def directions(self, image: Tensor) -> Tensor:
        """Features at length 1, [B, D] float32."""
        return F.normalize(exact(self.features(image)))

    def abnormality(self, image: Tensor) -> Tensor:
        """Squared Mahalanobis distance to the given features."""
        scores: Tensor = self.density(self.directions(image))
        return scores

    @torch.no_grad()
    def conclude(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """Fit the Gaussian."""
        self.eval()
        self.density.fit(given_features(self.directions, train, self.device))
