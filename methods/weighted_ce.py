"""Cross-entropy weighted by inverse class frequency.

Paper: folklore; discussed in Cui et al., "Class-balanced loss based on effective number of
    samples", CVPR 2019, section 2.
Equations: L = 1/B sum_i w_{y_i} (-log softmax(s_i)_{y_i}), w_c = K (1/n_c) / sum_j (1/n_j).
Deviations: divided by the batch size B, not by the batch's summed weights as in torch: a stated
    choice, so that the step does not depend on which classes a batch happens to hold. The weights
    sum to K; on natural batches their mean is below 1, and the step smaller than cross-entropy's.
Status: faithful.
"""

from typing import Unpack

from torch import Tensor

from medtail.datamodules.core.contract import DataSpec

from .core.base import Common
from .core.weighted import WeightedMethod
from .core.weights import normalised_to_classes


def inverse_frequency_weights(counts: Tensor) -> Tensor:
    """w_c proportional to 1 / n_c, summing to K; [K] float32 from counts [K]."""
    return normalised_to_classes(1 / counts.double()).float()


class WeightedCE(WeightedMethod):
    """Cross-entropy in which every class has the same total weight.

    Args:
        spec: the data.
        drw: weigh in the last fifth of the epochs only.
        common: see ``Method``.
    """

    paper = "inverse frequency"
    before = {"drw": False}

    def __init__(self, spec: DataSpec, *, drw: bool = False, **common: Unpack[Common]) -> None:
        super().__init__(spec, inverse_frequency_weights, drw=drw, **common)
