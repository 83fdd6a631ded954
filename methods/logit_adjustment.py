"""Logit adjustment in the loss: logits shifted by the log prior in training.

Paper: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, section 5.
Equations: 10, L = -log softmax(s + tau log pi)_y.
Deviations: none.
Status: faithful.
"""

from typing import Unpack

from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method
from .core.checks import check_interval
from .core.weights import log_prior


def logit_adjusted_loss(logits: Tensor, target: Tensor, counts: Tensor, tau: float) -> Tensor:
    """Cross-entropy of ``logits + tau log pi`` (equation 10).

    Args:
        logits: [B, K].
        target: [B].
        counts: [K] training images of each class.
        tau: strength; 0 is cross-entropy.

    Returns:
        Mean loss, a scalar.
    """
    return F.cross_entropy(logits + tau * log_prior(counts), target)


class LogitAdjustment(Method):
    """Cross-entropy on prior-shifted logits in training; plain logits at test.

    Args:
        spec: the data.
        tau: strength; 1 is consistent for the balanced error.
        common: see ``Method``.
    """

    paper = "Menon et al. 2021"

    def __init__(self, spec: DataSpec, *, tau: float = 1.0, **common: Unpack[Common]) -> None:
        check_interval(self, "[0, inf)", tau=tau)
        super().__init__(spec, **common)
        self.tau = tau

    def loss(self, batch: Batch) -> Tensor:
        """Logit-adjusted loss of a batch."""
        return logit_adjusted_loss(self(batch.image), batch.target, self.counts, self.tau)
