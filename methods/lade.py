"""LADE: balanced softmax, and logits that estimate densities with the prior taken out.

Paper: Hong et al., "Disentangling label distribution for long-tailed visual recognition", CVPR 2021
    (arXiv 2012.00321).
Equations: L = CE(s + log pi, y) + alpha R, R = - sum_c pi_c (A_c - C_c - lam C_c^2),
    A_c = mean_{i: y_i = c} s_ic, 0 where the batch has none;
    C_c = log( 1/B sum_i exp(s_ic - log pi_c - log K) ). Plain logits at test, for a uniform prior.
Code: hyperconnect/LADE @5db5d13, loss/LADELoss.py.
Deviations: none. Without the code's 1e-9 and 1e-8 in logarithm and division: a class has an image,
    and a mean over none is 0. R is of the global batch. As published, a class that the batch lacks
    still has its C_c, which pushes those logits down.
Status: faithful.
"""

import math
from typing import Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method
from .core.checks import check_interval
from .core.gathering import gathered
from .core.weights import log_prior


def density_ratio_loss(logits: Tensor, target: Tensor, prior: Tensor, lam: float) -> Tensor:
    """R = - sum_c pi_c (A_c - C_c - lam C_c^2), the regularised Donsker-Varadhan bound.

    Args:
        logits: [B, K].
        target: [B].
        prior: log pi, [K].
        lam: weight of the squared C_c.

    Returns:
        A scalar.
    """
    size, classes = logits.shape
    own = F.one_hot(target, classes).to(logits)
    mean = (own * logits).sum(0) / own.sum(0).clamp(min=1)
    spread = torch.logsumexp(logits - prior - math.log(classes), 0) - math.log(size)
    return -(prior.exp() * (mean - spread - lam * spread.square())).sum()


class LADE(Method):
    """Prior-shifted cross-entropy with the density-ratio regulariser.

    Args:
        spec: the data.
        alpha: weight of the regulariser; 0 is balanced softmax.
        lam: of the square within it.
        common: see ``Method``.
    """

    paper = "Hong et al. 2021"

    def __init__(
        self, spec: DataSpec, *, alpha: float = 0.1, lam: float = 0.1, **common: Unpack[Common]
    ) -> None:
        check_interval(self, "[0, inf)", alpha=alpha, lam=lam)
        super().__init__(spec, **common)
        self.alpha, self.lam = alpha, lam
        self.prior: Tensor
        self.register_buffer("prior", log_prior(self.counts), persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """Both terms of a batch."""
        logits = self(batch.image)
        everywhere = gathered(logits), gathered(batch.target)
        likely = F.cross_entropy(logits + self.prior, batch.target)
        return likely + self.alpha * density_ratio_loss(*everywhere, self.prior, self.lam)
