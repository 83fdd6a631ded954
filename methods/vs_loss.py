"""Vector-scaling loss: multiplicative and additive logit adjustment together.

Paper: Kini et al., "Label-imbalanced and group-sensitive classification under
    overparameterization", NeurIPS 2021.
Equations: L = -log softmax(Delta * s + iota)_y with Delta_c = (n_c / n_max)^gamma
    and iota_c = tau log pi_c. The multiplicative Delta acts late, where the training error is 0.
Deviations: gamma 0.3, tau 1: MONICA's defaults, not the paper's.
Status: faithful.
"""

from typing import Unpack

from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method
from .core.checks import check_interval
from .core.weights import log_prior


def vs_loss(logits: Tensor, target: Tensor, counts: Tensor, gamma: float, tau: float) -> Tensor:
    """Cross-entropy of ``(n / n_max)^gamma * logits + tau log pi``.

    Args:
        logits: [B, K].
        target: [B].
        counts: [K] training images of each class.
        gamma: of the multiplicative part; 0 is logit adjustment.
        tau: of the additive part.

    Returns:
        Mean loss, a scalar.
    """
    delta = (counts / counts.max()) ** gamma
    return F.cross_entropy(delta * logits + tau * log_prior(counts), target)


class VSLoss(Method):
    """Cross-entropy on scaled and shifted logits in training; plain logits at test.

    Args:
        spec: the data.
        gamma: multiplicative strength, at least 0.
        tau: additive strength, at least 0.
        common: see ``Method``.
    """

    paper = "Kini et al. 2021"

    def __init__(
        self, spec: DataSpec, *, gamma: float = 0.3, tau: float = 1.0, **common: Unpack[Common]
    ) -> None:
        check_interval(self, "[0, inf)", gamma=gamma, tau=tau)
        super().__init__(spec, **common)
        self.gamma, self.tau = gamma, tau

    def loss(self, batch: Batch) -> Tensor:
        """Vector-scaling loss of a batch."""
        return vs_loss(self(batch.image), batch.target, self.counts, self.gamma, self.tau)
