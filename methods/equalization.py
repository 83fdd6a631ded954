"""Softmax equalization loss (SEQL): tail classes are not pushed down by other classes' samples.

Paper: Tan et al., "Equalization loss for long-tailed object recognition", CVPR 2020: its softmax
    form.
Equations: L = -log p_y, p_j = e^{z_j} / sum_k w_k e^{z_k} and
    w_k = 1 - beta T_lam(pi_k) (1 - y_k), where T_lam(x) = 1 if x < lam, and beta is 1 with
    probability gamma, else 0.
Deviations: the paper's lam fits ImageNet-LT's 1000 classes (4.3e-4: below every class of a medical
    dataset, where it would be plain cross-entropy). Default here: the geometric mean of the
    smallest and the largest prior, so that the tail is what lies nearer to the rarest class on a
    logarithmic scale. The paper does not say how beta is drawn: here for each image and class; of
    several processes each one draws its own, so that their numbers differ from one process's.
Status: reconstruction.
"""

from typing import Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import MedtailError

from .core.base import Common, Method
from .core.checks import check_interval, slug


def middle_prior(counts: Tensor) -> float:
    """Geometric mean of the smallest and the largest prior of counts [K]."""
    prior = counts.double() / counts.sum()
    return float((prior.min() * prior.max()).sqrt())


def tail_classes(counts: Tensor, lam: float) -> Tensor:
    """T_lam: which classes have a prior below lam; [K] bool from counts [K]."""
    return counts.double() / counts.sum() < lam


def equalization_loss(logits: Tensor, target: Tensor, tail: Tensor, drawn: Tensor) -> Tensor:
    """Cross-entropy over the classes that stay in the denominator.

    Args:
        logits: [B, K].
        target: [B].
        tail: [K] bool, T_lam.
        drawn: [B, K] bool, beta.

    Returns:
        Mean loss, a scalar.
    """
    own = F.one_hot(target, len(tail)).bool()
    return F.cross_entropy(logits.masked_fill(drawn & tail & ~own, float("-inf")), target)


class Equalization(Method):
    """Cross-entropy without most of the negative gradient on tail classes.

    Args:
        spec: the data.
        gamma: probability with which a tail class is left out of a denominator.
        lam: classes with a prior below are the tail; None for the middle, see above.
        common: see ``Method``.

    Raises:
        MedtailError: no class lies below ``lam``, which would make this plain cross-entropy.
    """

    paper = "Tan et al. 2020"
    status = "reconstruction"

    def __init__(
        self,
        spec: DataSpec,
        *,
        gamma: float = 0.9,
        lam: float | None = None,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, 1]", gamma=gamma)
        if lam is not None:
            check_interval(self, "(0, 1]", lam=lam)
        super().__init__(spec, **common)
        self.gamma = gamma
        tail = tail_classes(self.counts, middle_prior(self.counts) if lam is None else lam)
        if lam is not None and not tail.any():
            rarest = float(self.counts.min() / self.counts.sum())
            raise MedtailError(
                f"{slug(self)}: no class of {spec.name} has a prior below lam {lam} "
                f"(the rarest: {rarest:.3g}); raise lam, or leave it out for the default"
            )
        self.tail: Tensor
        self.register_buffer("tail", tail, persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """Equalization loss of a batch."""
        logits = self(batch.image)
        drawn = torch.rand_like(logits) < self.gamma
        return equalization_loss(logits, batch.target, self.tail, drawn)
