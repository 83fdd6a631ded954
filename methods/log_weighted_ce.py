"""Cross-entropy weighted by one plus the logarithm of how much rarer a class is than the largest.

Paper: Ju et al., "MONICA: benchmarking on long-tailed medical image classification", 2024 (arXiv
    2410.02010); its row WeightedSoftmax, which has no paper of its own.
Code at commit: PyJulie/MONICA@9dc5c21 ``losses/RWLoss.py:create_RWLoss_2`` (no licence: the
    formula alone).
Equations: L = 1/B sum_i w_{y_i} (-log softmax(s_i)_{y_i}), w_c = K u_c / sum_j u_j,
    u_c = 1 + log(n_max / n_c).
Deviations: divided by the batch size B where MONICA divides by the batch's summed weights, and
    hence scaled to sum to K, see ``weighted_cross_entropy``.
Status: faithful.
"""

from typing import Unpack

from torch import Tensor

from medtail.datamodules.core.contract import DataSpec

from .core.base import Common
from .core.weighted import WeightedMethod
from .core.weights import normalised_to_classes


def log_rarity_weights(counts: Tensor) -> Tensor:
    """w_c proportional to 1 + log(n_max / n_c), summing to K; [K] float32 from counts [K]."""
    n = counts.double()
    return normalised_to_classes(1 + (n.max() / n).log()).float()


class LogWeightedCE(WeightedMethod):
    """Cross-entropy with weights far milder than inverse frequencies.

    Args:
        spec: the data.
        drw: weigh in the last fifth of the epochs only.
        common: see ``Method``.
    """

    paper = "MONICA 2024"
    before = {"drw": False}

    def __init__(self, spec: DataSpec, *, drw: bool = False, **common: Unpack[Common]) -> None:
        super().__init__(spec, log_rarity_weights, drw=drw, **common)
