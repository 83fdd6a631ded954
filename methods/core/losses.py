"""Losses that several papers share."""

from torch import Tensor
from torch.nn import functional as F


def weighted_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """1/B sum_i w_{y_i} (-log softmax(s_i)_{y_i}).

    Divided by the batch size: torch's ``weight=`` divides by the batch's summed weights, so that a
    batch of common classes alone takes as large a step as one with rare classes, and the mean over
    ranks would not be the mean over the global batch.

    Args:
        logits: [B, K].
        target: [B].
        weight: [K].

    Returns:
        Mean loss, a scalar.
    """
    return (weight[target] * F.cross_entropy(logits, target, reduction="none")).mean()
