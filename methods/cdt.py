"""CDT: class-dependent temperatures, so that rare classes must reach larger logits in training.

Paper: Ye et al., "Identifying and compensating for feature deviation in imbalanced deep learning",
    2020 (arXiv 2001.01385).
Equations: L = -log softmax(s / a)_y, a_c = (n_max / n_c)^gamma; plain logits at test. The loss of
    ``vs_loss`` at tau = 0.
Code: zhangyongshun/BagofTricks-LT @ce7859a; the authors' was not seen.
Deviations: gamma 0.2, the upper end of the range for CIFAR100-LT.
Status: faithful.
"""

from typing import Unpack

from torch import Tensor

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method
from .core.checks import check_interval
from .vs_loss import vs_loss


class CDT(Method):
    """Cross-entropy on logits divided by temperatures in training; plain logits at test.

    Args:
        spec: the data.
        gamma: of the temperatures, at least 0; 0 is cross-entropy.
        common: see ``Method``.
    """

    paper = "Ye et al. 2020"

    def __init__(self, spec: DataSpec, *, gamma: float = 0.2, **common: Unpack[Common]) -> None:
        check_interval(self, "[0, inf)", gamma=gamma)
        super().__init__(spec, **common)
        self.gamma = gamma

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of a batch at the classes' temperatures."""
        return vs_loss(self(batch.image), batch.target, self.counts, self.gamma, 0.0)
