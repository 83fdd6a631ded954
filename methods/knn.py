"""Distance to the nearest neighbours, of features that were learnt without labels.

Paper: Bergman, Cohen and Hoshen, "Deep nearest neighbor anomaly detection", arXiv 2002.10445, 2020.
Equations: score: 1/k sum ||f(x) - f_i||^2 over the k nearest given training features f_i, k = 2:
    squared distances, as the authors' code sums those that faiss gives.
Deviations: the paper's features are of ImageNet; here the network is trained by SimCLR's loss on
    the given class, whose features are compared by direction, so f has length 1. Each step shows
    two views of an image. The paper's text was not at hand.
Status: reconstruction.
"""

from collections.abc import Iterable
from typing import Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common
from .core.checks import check_interval
from .core.one_class.density import Neighbours, given_features
from .core.one_class.instance_discrimination import InstanceDiscrimination
from .core.precision import exact


class KNN(InstanceDiscrimination):
    """Nearest neighbours of contrastive features.

    Args:
        spec: the data.
        k: neighbours.
        common: see ``Method``.
    """

    paper = "Bergman et al. 2020"
    status = "reconstruction"

    def __init__(self, spec: DataSpec, *, k: int = 2, **common: Unpack[Common]) -> None:
        check_interval(self, "[1, inf)", k=k)
        super().__init__(spec, **common)
        self.neighbours = Neighbours(spec.class_counts[0], self.num_features, int(k))

    def directions(self, image: Tensor) -> Tensor:
        """Features at length 1, [B, D] float32."""
        return F.normalize(exact(self.features(image)))

    def abnormality(self, image: Tensor) -> Tensor:
        """Mean squared distance to the k nearest given features."""
        scores: Tensor = self.neighbours(self.directions(image))
        return scores

    @torch.no_grad()
    def conclude(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """Keep the given training features."""
        self.eval()
        self.neighbours.fit(given_features(self.directions, train, self.device))
