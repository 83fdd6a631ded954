"""What stands above features: the cosine classifier, and the heads of frozen features."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import DataSpec

HIDDEN = 128  # units of the hidden layer of the head `mlp`
SCALE = 30.0  # of the head `cosine`; LDAM's


def cosine(features: Tensor, weight: Tensor) -> Tensor:
    """Cosines [B, K] of features [B, D] with the rows of weight [K, D]."""
    return F.normalize(features) @ F.normalize(weight).T


class CosineClassifier(nn.Module):
    """Logits [B, K] = scale * cos(features, w_c), without a bias.

    Args:
        num_features: D.
        num_classes: K.
        scale: the largest logit; cosines alone give a softmax that cannot become certain.
    """

    def __init__(self, num_features: int, num_classes: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.weight = nn.Parameter(F.normalize(torch.randn(num_classes, num_features)))

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, D] -> logits [B, K]."""
        return self.scale * cosine(features, self.weight)


def on_features(spec: DataSpec, *, trained: bool) -> tuple[nn.Module, int]:
    """What takes the place of a backbone where frozen features stand in for the images.

    Args:
        spec: the data.
        trained: whether the method trains anything; what it does not train is no drawn layer.

    Returns:
        Module mapping features [B, D] to what a method calls features, and their width: the same
        for the heads ``linear`` and ``cosine``, a hidden layer (128 units, ReLU) for ``mlp``.
    """
    if spec.head == "mlp" and trained:
        return nn.Sequential(nn.Linear(spec.features, HIDDEN), nn.ReLU()), HIDDEN
    return nn.Identity(), spec.features


class CosineLinear(nn.Linear):
    """Logits [B, K] = 30 cos(features, w_c) + b_c; its tensors are those of a linear layer.

    So what a method does with a linear classifier, it can do with this one.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, D] -> logits [B, K]."""
        return SCALE * cosine(features, self.weight) + self.bias


def classifier(spec: DataSpec, num_features: int) -> nn.Module:
    """A fresh classifier [B, D] -> [B, K]: linear, or by cosines where the head is ``cosine``."""
    kind = CosineLinear if spec.features and spec.head == "cosine" else nn.Linear
    return kind(num_features, spec.num_classes)
