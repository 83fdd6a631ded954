"""Class-balanced focal loss: one against the rest, easy classes of an image count less.

Paper: Cui et al., "Class-balanced loss based on effective number of samples", CVPR 2019 (arXiv
    1901.05555), with the focal loss of Lin et al., ICCV 2017.
Equations: P_ic = sigmoid(s_ic) for c = y_i, else 1 - sigmoid(s_ic); w_c = (1 - beta) /
    (1 - beta^n_c), scaled to sum K;
    L = 1/B sum_i w_{y_i} sum_c (1 - P_ic)^gamma (-log P_ic).
Code: richardaecn/class-balanced-loss @1d78572, src/cifar_main.py: the sum over classes is divided
    by the number of images alone; biases start at -log(K - 1), where every class has probability
    1/K; gamma is 1.
Deviations: no bias has weight decay here. Probabilities on a page are softmax's, which rank the
    classes of an image as the sigmoids do; calibration is not comparable.
Status: faithful.
"""

import math
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method
from .core.checks import check_flags, check_interval
from .core.weights import deferred, effective_number_weights


def class_balanced_focal_loss(
    logits: Tensor, target: Tensor, weight: Tensor, gamma: float
) -> Tensor:
    """1/B sum_i w_{y_i} sum_c (1 - P_ic)^gamma (-log P_ic).

    Args:
        logits: [B, K].
        target: [B].
        weight: w, [K].
        gamma: focus; 0 is the class-balanced sigmoid cross-entropy.

    Returns:
        A scalar.
    """
    signed = torch.where(F.one_hot(target, len(weight)) == 1, logits, -logits)
    # log(1 - P) and log P of the logits: P itself rounds to 1.
    each = (-gamma * F.softplus(signed)).exp() * F.softplus(-signed)
    return (weight[target] * each.sum(1)).mean()


class ClassBalancedFocal(Method):
    """The sigmoid focal loss, weighted by the inverse effective number of images.

    Args:
        spec: the data.
        gamma: focus, at least 0.
        beta: overlap of images of a class, in [0, 1); 0 weighs all classes alike.
        drw: weigh in the last fifth of the epochs only.
        common: see ``Method``.
    """

    paper = "Cui et al. 2019"

    def __init__(
        self,
        spec: DataSpec,
        *,
        gamma: float = 1.0,
        beta: float = 0.9999,
        drw: bool = False,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, inf)", gamma=gamma)
        check_interval(self, "[0, 1)", beta=beta)
        check_flags(self, drw=drw)
        super().__init__(spec, **common)
        bias = self.classifier.get_parameter("bias")
        nn.init.constant_(bias, -math.log(max(1, spec.num_classes - 1)))
        self.gamma, self.drw = gamma, drw
        self.weight: Tensor
        weight = effective_number_weights(self.counts, beta)
        self.register_buffer("weight", weight, persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """Class-balanced focal loss of a batch."""
        weight = deferred(self.weight, self.epoch_progress) if self.drw else self.weight
        return class_balanced_focal_loss(self(batch.image), batch.target, weight, self.gamma)
