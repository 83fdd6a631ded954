"""Post-hoc logit adjustment: the log prior is taken off the logits of a plain model.

Paper: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, section 4.
Equations: 9, argmax_y s_y - tau log pi_y.
Deviations: the epoch of the shared stage is selected by the balanced accuracy of the plain,
    unadjusted logits. tau = 1 is the paper's default without tuning.
Status: faithful.
"""

from typing import Unpack

from torch import Tensor

from medtail.datamodules.core.contract import DataSpec

from .core.base import Common, Method, Stage
from .core.checks import check_interval
from .core.weights import log_prior


def adjusted_logits(logits: Tensor, counts: Tensor, tau: float) -> Tensor:
    """``logits - tau log pi`` (equation 9): [B, K] from logits [B, K] and counts [K]."""
    return logits - tau * log_prior(counts)


class PostHocLogitAdjustment(Method):
    """The cross-entropy model, adjusted when it predicts.

    Args:
        spec: the data.
        tau: strength; 0 is the plain model.
        common: see ``Method``.
    """

    paper = "Menon et al. 2021"
    stages = (Stage("train", 1.0, by="erm"),)

    def __init__(self, spec: DataSpec, *, tau: float = 1.0, **common: Unpack[Common]) -> None:
        check_interval(self, "[0, inf)", tau=tau)
        super().__init__(spec, **common)
        self.tau = tau

    def classify(self, features: Tensor) -> Tensor:
        """Features [B, D] -> adjusted logits [B, K]."""
        return adjusted_logits(super().classify(features), self.counts, self.tau)
