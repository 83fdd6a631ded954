"""Balanced softmax: the training prior inside the softmax.

Paper: Ren et al., "Balanced meta-softmax for long-tailed visual recognition", NeurIPS 2020.
Equations: 3, p_y = n_y exp(s_y) / sum_c n_c exp(s_c), in training; plain logits at test. Equal to
    the logit-adjusted loss of Menon et al. (ICLR 2021) at tau = 1.
Deviations: without the paper's meta sampler; its ablation calls this part balanced softmax, too.
Status: faithful.
"""

from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch

from .core.base import Method


def balanced_softmax_loss(logits: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """Cross-entropy of ``logits + log n`` (equation 3).

    Args:
        logits: [B, K].
        target: [B].
        counts: [K] training images of each class.

    Returns:
        Mean loss, a scalar.
    """
    return F.cross_entropy(logits + counts.log(), target)


class BalancedSoftmax(Method):
    """Cross-entropy on prior-shifted logits in training; plain logits at test."""

    paper = "Ren et al. 2020"

    def loss(self, batch: Batch) -> Tensor:
        """Balanced softmax loss of a batch."""
        return balanced_softmax_loss(self(batch.image), batch.target, self.counts)
