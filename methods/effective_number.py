"""Class-balanced loss: weights by the effective number of samples.

Paper: Cui et al., "Class-balanced loss based on effective number of samples", CVPR 2019.
Equations: E_n = (1 - beta^n) / (1 - beta); the class-balanced softmax cross-entropy
    L = 1/B sum_i w_{y_i} (-log softmax(s_i)_{y_i}) with w_c = K E_c^-1 / sum_j E_j^-1.
Deviations: with softmax cross-entropy (the paper also has sigmoid and focal forms). Divided by the
    batch size, see ``weighted_cross_entropy``.
Status: faithful.
"""

from functools import partial
from typing import Unpack

from medtail.datamodules.core.contract import DataSpec

from .core.base import Common
from .core.checks import check_interval
from .core.weighted import WeightedMethod
from .core.weights import effective_number_weights


class EffectiveNumber(WeightedMethod):
    """Cross-entropy weighted by the inverse effective number of images.

    Args:
        spec: the data.
        beta: overlap of images of a class, in [0, 1); 0 is plain cross-entropy.
        drw: weigh in the last fifth of the epochs only.
        common: see ``Method``.
    """

    paper = "Cui et al. 2019"
    before = {"drw": False}

    def __init__(
        self,
        spec: DataSpec,
        *,
        beta: float = 0.9999,
        drw: bool = False,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, 1)", beta=beta)
        weigh = partial(effective_number_weights, beta=beta)
        super().__init__(spec, weigh, drw=drw, **common)
