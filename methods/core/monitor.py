"""Validation metrics during training, with torchmetrics, which gathers them over ranks.

For logging and for the choice of the epoch; the official numbers are computed by the benchmark from predictions.
"""

import torch
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAUROC, MulticlassConfusionMatrix


class ValidationMetrics(nn.Module):
    """Balanced accuracy, macro AUC and the mean cross-entropy of a validation split.

    Classes without an image are left out of the means (torchmetrics would count their AUC as 0).
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.confusion = MulticlassConfusionMatrix(num_classes)
        self.auroc = MulticlassAUROC(num_classes, average=None)

    def update(self, logits: Tensor, target: Tensor) -> None:
        """Add a batch: logits [B, K], target [B]."""
        self.confusion.update(logits.argmax(1), target)
        # Already probabilities: torchmetrics soft-maxes only scores outside [0, 1].
        self.auroc.update(logits.float().softmax(1), target)

    def compute(self) -> dict[str, Tensor]:
        """``balanced_accuracy`` and ``macro_auc`` over all ranks; resets."""
        matrix = self.confusion.compute().float()
        support = matrix.sum(1)
        present = support > 0
        recall = matrix.diagonal()[present] / support[present]
        # Without positives or without negatives a class has no AUC.
        auc = self.auroc.compute()[present & (support < support.sum())]
        self.confusion.reset()
        self.auroc.reset()
        return {
            "balanced_accuracy": recall.mean(),
            "macro_auc": auc.mean() if len(auc) else torch.tensor(float("nan")),
        }
