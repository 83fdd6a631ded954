"""NCM: nearest class mean in the feature space of a plain model.

Paper: Kang et al., "Decoupling representation and classifier for long-tailed recognition", ICLR
    2020, section 4; Mensink et al., TPAMI 2013.
Equations: argmax_c cos(f(x), mu_c), mu_c the mean feature of the training images of class c.
Deviations: the logits are 30 times the cosines (the scale of LDAM's cosine classifier): the paper
    needs only the nearest class, and a softmax over plain cosines is so flat that stored scores
    tie. Calibration metrics of this method mean little. The epoch of the shared stage is selected
    by the balanced accuracy of the plain, unadjusted logits, of a classifier that is not used here.
Status: faithful.
"""

from collections.abc import Iterable
from typing import Unpack

import torch
from torch import Tensor

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method, Stage
from .core.heads import cosine

SCALE = 30.0


def class_means(features: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Mean feature of each class: [K, D] from features [N, D] and target [N]; 0 if it has none."""
    total = features.new_zeros(num_classes, features.shape[1]).index_add(0, target, features)
    return total / target.bincount(minlength=num_classes).clamp(min=1)[:, None]


class NCM(Method):
    """The cross-entropy backbone with the nearest class mean by cosine."""

    paper = "Kang et al. 2020"
    stages = (Stage("train", 1.0, by="erm"),)

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.means: Tensor
        self.register_buffer("means", torch.zeros(spec.num_classes, self.num_features))

    def classify(self, features: Tensor) -> Tensor:
        """Features [B, D] -> cosines with the class means [B, K]."""
        return SCALE * cosine(features, self.means)

    @torch.no_grad()
    def conclude(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """Take the class means of the training images."""
        features, target = self.embed(train)
        self.means.copy_(class_means(features, target, self.spec.num_classes))
