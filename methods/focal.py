"""Focal loss: easy samples count less.

Paper: Lin et al., "Focal loss for dense object detection", ICCV 2017.
Equations: 4, FL = -(1 - p_y)^gamma log p_y.
Deviations: p_y is the softmax's over K classes (the paper: a sigmoid for each class). Without the
    class weights alpha of equation 5.
Status: faithful.
"""

from typing import Unpack

from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method
from .core.checks import check_interval


def focal_loss(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Mean of -(1 - p_y)^gamma log p_y (equation 4).

    Args:
        logits: [B, K].
        target: [B].
        gamma: focus; 0 is cross-entropy.

    Returns:
        A scalar.
    """
    surprise = F.cross_entropy(logits, target, reduction="none")
    # The smallest 1 - p_y above 0: for gamma < 1 the power's gradient is infinite at 0.
    miss = (-(-surprise).expm1()).clamp(min=1e-12)
    return (miss**gamma * surprise).mean()


class Focal(Method):
    """The focal loss on the softmax.

    Args:
        spec: the data.
        gamma: focus, at least 0.
        common: see ``Method``.
    """

    paper = "Lin et al. 2017"

    def __init__(self, spec: DataSpec, *, gamma: float = 2.0, **common: Unpack[Common]) -> None:
        check_interval(self, "[0, inf)", gamma=gamma)
        super().__init__(spec, **common)
        self.gamma = gamma

    def loss(self, batch: Batch) -> Tensor:
        """Focal loss of a batch."""
        return focal_loss(self(batch.image), batch.target, self.gamma)
