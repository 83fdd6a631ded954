"""What a trained method says of images: the same for a record and for a network that was kept."""

from collections.abc import Callable

import torch
from torch import Tensor

from medtail.datamodules.core.contract import Batch
from medtail.methods.core.base import Method
from medtail.methods.core.precision import without_autocast

from ..evidence.normality import Normality
from .arithmetic import exact_float32

Predictor = Callable[[Tensor], Tensor]


@exact_float32()
@without_autocast
@torch.no_grad()
def abnormality(method: Method, image: Tensor) -> Tensor:
    """One-class: raw scores [B] of normalised images [B, C, H, W], float64."""
    return method.abnormality(image).double()


@exact_float32()
@without_autocast
@torch.no_grad()
def logits(method: Method, image: Tensor, normality: Normality | None = None) -> Tensor:
    """Logits [B, K] of normalised images [B, C, H, W], as they are scored."""
    if normality is None:
        found: Tensor = method(image)
        return found.float()
    scores = normality.standardised(abnormality(method, image))
    return torch.stack([torch.zeros_like(scores), scores], 1)


@exact_float32()
@without_autocast
def learnt(method: Method, support: Batch, seed: int, episode: int) -> Predictor:
    """Few-shot: what a method makes of a support set: query images -> logits [Q, N].

    What it draws depends on the seed and the episode's number, not on the episodes before it.
    """
    torch.manual_seed(seed * 1_000_003 + episode)
    predict = without_autocast(method.adapt(support))
    return lambda image: predict(image).detach().float()
