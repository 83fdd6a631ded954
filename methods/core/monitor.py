"""Validation metrics during training, with torchmetrics, which gathers them over ranks.

For logging and for the choice of the epoch; the official numbers are computed by the benchmark from
predictions.
"""

import warnings

from torch import Tensor, nn
from torchmetrics.classification import MulticlassAUROC, MulticlassConfusionMatrix
from torchmetrics.functional.classification import multiclass_confusion_matrix


def mean_recall(matrix: Tensor) -> Tensor:
    """Mean recall of the classes that have an image, from a confusion matrix [K, K]."""
    support = matrix.sum(1)
    present = support > 0
    return (matrix.diagonal()[present] / support[present]).mean()


def balanced_accuracy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean recall of the classes present in target [N], for logits [N, K]."""
    matrix = multiclass_confusion_matrix(logits.argmax(1), target, num_classes=logits.shape[1])
    return mean_recall(matrix)


class ValidationMetrics(nn.Module):
    """Balanced accuracy and macro AUC of a validation split.

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
        if not self.auroc.update_called:  # no row in this process: the others wait for its lists
            none = self.confusion.confmat.new_zeros(0)
            self.update(none.new_zeros(0, self.confusion.num_classes).float(), none)
        matrix = self.confusion.compute()
        support = matrix.sum(1)
        # Without positives or without negatives a class has no AUC.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "No (positive|negative) samples")
            each = self.auroc.compute()
        auc = each[(support > 0) & (support < support.sum())]
        self.confusion.reset()
        self.auroc.reset()
        macro_auc = auc.mean() if len(auc) else auc.new_tensor(float("nan"))
        return {"balanced_accuracy": mean_recall(matrix), "macro_auc": macro_auc}
