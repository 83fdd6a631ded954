"""IB loss: images that shape an overfitted decision boundary most count least.

Paper: Park et al., "Influence-balanced loss for imbalanced visual classification", ICCV 2021 (arXiv
    2110.02444).
Equations: first cross-entropy, then
    L = 1/B sum_i w_{y_i} CE_i A / ( ||p_i - onehot_i||_1 ||f_i||_1 + 0.001 ), w = 1/n scaled to
    sum K; A 1000.
Code: pseulki/IB-Loss @b29b8b0, losses.py, cifar_train.py. As published the factor is
    differentiated, too; ``detach`` makes it the weight that the paper derives.
Deviations: the first half is the shared cross-entropy stage, whose rate ends at 0 (theirs: 0.1 to
    the middle). The second has an optimiser of its own as theirs: SGD at 0.001, 1/100 of the first
    half's 0.1, and 1/100 of that from 0.6 and again from 0.8 of it.
Status: faithful.
"""

from typing import Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method, Recipe, Stage
from .core.checks import check_flags, check_interval
from .core.precision import exact
from .weighted_ce import inverse_frequency_weights

RECIPE = Recipe(
    "momentum",
    lr=0.001,
    weight_decay=2e-4,
    momentum=0.9,
    warmup=0,
    schedule="step",
    milestones=(0.6, 0.8),
    gamma=0.01,
)
FLOOR = 0.001


def influence_factor(logits: Tensor, features: Tensor, target: Tensor, amplitude: float) -> Tensor:
    """A / ( ||p_i - onehot_i||_1 ||f_i||_1 + 0.001 ), [B].

    Args:
        logits: [B, K].
        features: f, [B, D].
        target: [B].
        amplitude: A.
    """
    error = (logits.softmax(1) - F.one_hot(target, logits.shape[1])).abs().sum(1)
    return amplitude / (error * features.abs().sum(1) + FLOOR)


def influence_balanced_loss(
    logits: Tensor, target: Tensor, weight: Tensor, factor: Tensor
) -> Tensor:
    """1/B sum_i w_{y_i} CE_i factor_i.

    Args:
        logits: [B, K].
        target: [B].
        weight: w, [K].
        factor: [B].

    Returns:
        A scalar.
    """
    surprise = F.cross_entropy(logits, target, reduction="none")
    return (weight[target] * surprise * factor).mean()


class IBLoss(Method):
    """A cross-entropy stage, then cross-entropy over each image's influence.

    Args:
        spec: the data.
        amplitude: A, above 0; it sets the step together with the size of the features.
        detach: whether the factor is a weight, without a gradient.
        common: see ``Method``.
    """

    paper = "Park et al. 2021"
    stages = (Stage("normal", 0.5, by="erm"), Stage("balanced", 0.5, recipe=RECIPE))

    def __init__(
        self,
        spec: DataSpec,
        *,
        amplitude: float = 1000.0,
        detach: bool = False,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(0, inf)", amplitude=amplitude)
        check_flags(self, detach=detach)
        super().__init__(spec, **common)
        self.amplitude, self.detach = amplitude, detach
        self.weight: Tensor
        self.register_buffer("weight", inverse_frequency_weights(self.counts), persistent=False)
        self.factors: Tensor  # their sum, and how many
        self.register_buffer("factors", torch.zeros(2, dtype=torch.float64))

    def loss(self, batch: Batch) -> Tensor:
        """Influence-balanced loss of a batch."""
        features = self.features(batch.image)
        logits = self.score(features)
        factor = influence_factor(logits, exact(features), batch.target, self.amplitude)
        self.factors += self.factors.new_tensor([float(factor.detach().sum()), len(factor)])
        if self.detach:
            factor = factor.detach()
        return influence_balanced_loss(logits, batch.target, self.weight, factor)

    def findings(self) -> dict[str, float]:
        """Mean of the factor: what the loss is larger by than weighted cross-entropy."""
        total, amount = self.factors.tolist()
        return {"mean_factor": total / amount} if amount else {}
