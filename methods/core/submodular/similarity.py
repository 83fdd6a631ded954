"""Gradients of the last layer, and their similarities, without ever writing the gradients down.

The gradient of cross-entropy with respect to a linear layer W h + b is the outer product of
d = p - e_t and [1, h]: K (D + 1) numbers an image. Inner products of outer products factorise,
<d (x) h, d' (x) h'> = <d, d'> <h, h'>, so norms, distances and cosines come from d and h alone.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

# What of the last layer a gradient is taken with respect to.
Gradient = Literal["bias", "linear", "bias_linear"]

# Of N vectors u_1 (x) u_2 (x) ...: the factors, [N, D_1], [N, D_2], ...
Parts = tuple[Tensor, ...]


def gradient_factors(
    logits: Tensor, features: Tensor, target: Tensor | None = None, bias: bool = True
) -> Parts:
    """Factors of the last layer's gradients, in float64.

    A learner whose classifier is not linear in its features is treated as if it were.

    Args:
        logits: [N, K].
        features: [N, D].
        target: [N] classes; None for the hypothesised ones, the most probable of each image.
        bias: whether the layer has a bias.

    Returns:
        d [N, K] and [1, h] [N, D + 1], or h [N, D] without bias.
    """
    logits, features = logits.double(), features.double()
    target = logits.argmax(1) if target is None else target.to(logits.device)
    others = logits.softmax(1).scatter(1, target[:, None], 0.0)
    # p_t - 1 as minus the sum of the others: exact for the most confident images, too.
    factor = others.scatter(1, target[:, None], -others.sum(1, keepdim=True))
    if bias:
        features = torch.cat([torch.ones_like(features[:, :1]), features], 1)
    return factor, features


def gradients(
    logits: Tensor, features: Tensor, target: Tensor | None, kind: Gradient = "bias_linear"
) -> Parts:
    """Factors of one kind of the last layer's gradients.

    Args:
        logits: [N, K].
        features: [N, D].
        target: see ``gradient_factors``.
        kind: with respect to the ``bias`` d, the weights (``linear``) d (x) h, or both
            (``bias_linear``) d (x) [1, h].
    """
    d, h = gradient_factors(logits, features, target, bias=kind == "bias_linear")
    return (d,) if kind == "bias" else (d, h)


def unit(parts: Parts) -> Parts:
    """The parts with rows of norm 1, whose products are cosines; a row of zeros stays."""
    return tuple(F.normalize(part, dim=1, eps=1e-30) for part in parts)


def inner_products(left: Parts, right: Parts) -> Tensor:
    """<left_i, right_j>, [N, M]."""
    first, *rest = (a @ b.T for a, b in zip(left, right, strict=True))
    for factor in rest:
        first *= factor
    return first


def squared_norms(parts: Parts) -> Tensor:
    """[N]."""
    product = torch.ones_like(parts[0][:, 0])
    for part in parts:
        product = product * part.square().sum(1)
    return product


def take(parts: Parts, rows: Tensor | slice) -> Parts:
    """Some of the vectors."""
    return tuple(part[rows] for part in parts)
