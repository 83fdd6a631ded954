"""Mixing of images and targets, shared by mixup, Remix and Balanced-MixUp."""

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.errors import NeedsImagesError


def draw_weight(a: float, b: float) -> float:
    """One draw from Beta(a, b), by the global generator of the CPU."""
    return float(torch.distributions.Beta(a, b).sample())


def draw_partners(image: Tensor) -> Tensor:
    """A permutation [B] of the batch on the image's device, by the global generator of the CPU."""
    return torch.randperm(len(image)).to(image.device)


def mix(first: Tensor, second: Tensor, weight: float) -> Tensor:
    """Convex combination of images [B, C, H, W]: weight * first + (1 - weight) * second.

    Raises:
        NeedsImagesError: given features, of which a mixture is no mixture of images.
    """
    if first.ndim < 3:
        raise NeedsImagesError("it mixes images")
    return weight * first + (1 - weight) * second


def mixed_cross_entropy(
    logits: Tensor, first: Tensor, second: Tensor, weight: float | Tensor
) -> Tensor:
    """Cross-entropy with the target weight * onehot(first) + (1 - weight) * onehot(second).

    Args:
        logits: [B, K] of the mixed images.
        first: [B] targets.
        second: [B] targets.
        weight: of the first targets: a number, or [B].

    Returns:
        Mean loss, a scalar.
    """
    of_first = F.cross_entropy(logits, first, reduction="none")
    of_second = F.cross_entropy(logits, second, reduction="none")
    return (weight * of_first + (1 - weight) * of_second).mean()
