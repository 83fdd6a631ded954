"""LDAM-DRW: margins that grow with rarity, and weights deferred to the end of the training.

Paper: Cao et al., "Learning imbalanced datasets with label-distribution-aware margin loss",
    NeurIPS 2019.
Equations: L = -log( e^{z_y - d_y} / (e^{z_y - d_y} + sum_{j != y} e^{z_j}) ) with
    d_c = C / n_c^{1/4}; algorithm 1 (deferred re-weighting). Features and rows of the classifier
    have norm 1, so z = cos; both sides are multiplied by a scale of 30 in the softmax; C is such
    that the largest margin is 0.5.
Deviations: the deferred weights are those of the effective number (beta 0.9999), in the last fifth
    of the epochs (the paper: from epoch 160 of 200), and the loss is divided by the batch size,
    see ``weighted_cross_entropy``. The rate falls by the suite's cosine, without a step at the
    deferral.
Status: faithful.
"""

from typing import Unpack

from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method
from .core.checks import check_interval
from .core.heads import CosineClassifier
from .core.losses import weighted_cross_entropy
from .core.weights import effective_number_weights

DEFERRAL = 0.8


def ldam_margins(counts: Tensor, max_margin: float) -> Tensor:
    """d_c = C n_c^{-1/4} with the largest equal to max_margin; [K] from [K]."""
    margins = counts.double() ** -0.25
    return (max_margin * margins / margins.max()).float()


def with_margins(logits: Tensor, target: Tensor, margins: Tensor) -> Tensor:
    """z_y - d_y at the target, z_j elsewhere.

    Args:
        logits: [B, K].
        target: [B].
        margins: [K], in the units of the logits.

    Returns:
        [B, K].
    """
    return logits - F.one_hot(target, len(margins)) * margins


class LDAM(Method):
    """Cosine classifier, label-distribution-aware margins, deferred re-weighting.

    Args:
        spec: the data.
        max_margin: of the rarest class, in cosine units.
        scale: of the cosines in the softmax.
        drw: re-weight in the last fifth of the epochs.
        beta: of the effective-number weights.
        common: see ``Method``.
    """

    paper = "Cao et al. 2019"

    def __init__(
        self,
        spec: DataSpec,
        *,
        max_margin: float = 0.5,
        scale: float = 30.0,
        drw: bool = True,
        beta: float = 0.9999,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, 2]", max_margin=max_margin)
        check_interval(self, "(0, inf)", scale=scale)
        check_interval(self, "[0, 1)", beta=beta)
        super().__init__(spec, **common)
        self.classifier = CosineClassifier(self.num_features, spec.num_classes, scale)
        self.scale, self.drw = scale, drw
        self.margins: Tensor
        self.weight: Tensor
        self.register_buffer("margins", ldam_margins(self.counts, max_margin), persistent=False)
        weight = effective_number_weights(self.counts, beta)
        self.register_buffer("weight", weight, persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """Margin loss of a batch, weighted in the last epochs."""
        logits = with_margins(self(batch.image), batch.target, self.scale * self.margins)
        if self.drw and self.epoch_progress >= DEFERRAL:
            return weighted_cross_entropy(logits, batch.target, self.weight)
        return F.cross_entropy(logits, batch.target)
