"""The cosine classifier."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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
