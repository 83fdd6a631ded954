"""Metrics: predictions in, numbers out. Pure NumPy; the tests hold it against scikit-learn.

Scores are softmax probabilities (raw logits are not comparable between samples, so an AUC on them
means little). A class that cannot be scored is left out and counted, not averaged in as 0.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medtail.datamodules.core.errors import MedtailError

from ..evidence.predictions import Predictions
from ..evidence.record import Metrics
from . import operating_point
from .calibration import calibration

Prior = Literal["natural", "balanced"]
Floats = NDArray[np.float64]

HEAD_SHARE = 4 / 3
TAIL_SHARE = 2 / 3
SPECIFICITY = 0.95


def score(
    test: Predictions,
    val: Predictions | None,
    class_counts: Sequence[int],
    ordinal: bool,
    prior: Prior = "natural",
) -> Metrics:
    """Every metric of a test split; what is undefined is ``None``, alone or in a per-class list.

    Args:
        test: the predictions to score.
        val: validation predictions, which give the thresholds of ``sensitivity_at_95_specificity``;
            and the point of ``fitted_balanced_accuracy``; without them these are undefined.
        class_counts: K training counts, which decide on head, medium and tail.
        ordinal: whether the classes are ordered, so that the quadratic kappa has a meaning.
        prior: ``balanced`` weighs a sample by one over its class's test count.

    Raises:
        MedtailError: no samples, or targets, logits and counts that do not fit together.
    """
    classes = len(class_counts)
    _check(test, classes)
    probability, weight = test.probabilities, sample_weight(test.target, classes, prior)
    matrix = confusion(test.target, probability.argmax(1), weight, classes)
    auc, ap = np.array(
        [auc_and_ap(probability[:, k], test.target == k, weight) for k in range(classes)]
    ).T
    metrics: dict[str, float | int | Floats] = {
        "macro_auc": _mean(auc),
        "classes_scored": int(np.isfinite(auc).sum()),
        "macro_ap": _mean(ap),
        **_decisions(matrix, ordinal),
        **_groups(_divide(np.diag(matrix), matrix.sum(1)), class_counts),
        **calibration(test, probability, weight),
        **_sensitivity(test, val, weight, prior),
        **_fitted(test, val),
        "auc": auc,
        "ap": ap,
    }
    return {name: _plain(value) for name, value in metrics.items()}


def sample_weight(target: NDArray[np.int64], classes: int, prior: Prior) -> Floats:
    """[N] weights: all 1, or 1 / (test count of the sample's class)."""
    if prior == "natural":
        return np.ones(len(target))
    weight: Floats = 1 / np.bincount(target, minlength=classes)[target]
    return weight


def confusion(
    target: NDArray[np.int64], predicted: NDArray[np.int64], weight: Floats, classes: int
) -> Floats:
    """[K, K] summed weights, a row per true class, a column per predicted one."""
    matrix = np.zeros((classes, classes))
    np.add.at(matrix, (target, predicted), weight)
    return matrix


def auc_and_ap(score: Floats, positive: NDArray[np.bool_], weight: Floats) -> tuple[float, float]:
    """Area under the ROC curve and average precision of one class; NaN where either side is empty.

    The AUC is the weighted share of (positive, negative) pairs in the right order, a tie counting
    half (Mann-Whitney with midranks); the average precision steps over distinct scores, as
    scikit-learn's does, and needs positives only.

    Args:
        score: [N].
        positive: [N], whether of the class.
        weight: [N], above 0.
    """
    if not positive.any():
        return math.nan, math.nan
    order = np.argsort(-score)
    ranked = score[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    hits = np.add.reduceat(np.where(positive, weight, 0.0)[order], starts)
    misses = np.add.reduceat(np.where(positive, 0.0, weight)[order], starts)
    found, false = hits.cumsum(), misses.cumsum()
    ap = (hits * found / (found + false)).sum() / found[-1]
    if positive.all():
        return math.nan, float(ap)
    below = false[-1] - false + misses / 2
    return float(min((hits * below).sum() / (found[-1] * false[-1]), 1.0)), float(min(ap, 1.0))


def group_cuts(class_counts: Sequence[int]) -> tuple[float, float]:
    """(head_cut, tail_cut): head classes have more training images, tail classes fewer.

    The cuts are 4/3 and 2/3 of the mean count per class. On HAM10000 this gives the groups of BPaCo
    (https://github.com/Davidczy/BPaCo: NV | MEL, BKL | the rest), with two classes both sides need
    an imbalance of more than 2:1, and equal counts are all medium.
    """
    mean = sum(class_counts) / len(class_counts)
    return HEAD_SHARE * mean, TAIL_SHARE * mean


def groups(class_counts: Sequence[int]) -> list[str]:
    """``head``, ``medium`` or ``tail`` for each class."""
    head, tail = group_cuts(class_counts)
    return ["head" if n > head else "tail" if n < tail else "medium" for n in class_counts]


def threshold_at(score: Floats, weight: Floats, specificity: float) -> float:
    """The lowest of the scores [N] that has at least a share of ``specificity`` not above it."""
    order = np.argsort(score)
    share = weight[order].cumsum() / weight.sum()
    # The last step of a sum of weights may fall a rounding short of the share it stands for.
    return float(score[order][np.searchsorted(share, specificity - 1e-12)])


def _check(predictions: Predictions, classes: int) -> None:
    target, columns = predictions.target, predictions.logits.shape[1]
    if not len(target):
        raise MedtailError("metrics: no samples to score")
    if columns != classes or target.min() < 0 or target.max() >= classes:
        raise MedtailError(
            f"metrics: {classes} classes, but scores for {columns} "
            f"and targets from {target.min()} to {target.max()}"
        )


def _decisions(matrix: Floats, ordinal: bool) -> dict[str, float | Floats]:
    """Metrics of the arg-max decision, all from the confusion matrix [K, K].

    Macro F1 is the mean over the classes present in the target, one never predicted counting 0
    (scikit-learn's ``f1_score`` with ``labels`` = present, ``zero_division=0``). MCC is the K-class
    form of Gorodkin 2004 (https://doi.org/10.1016/j.compbiolchem.2004.09.006), 0 where all samples
    are predicted, or are, of one class.
    """
    total, right = matrix.sum(), np.diag(matrix)
    true, predicted = matrix.sum(1), matrix.sum(0)
    recall = _divide(right, true)
    f1 = np.where(true > 0, _divide(2 * right, true + predicted), math.nan)
    spread = (total**2 - (true**2).sum()) * (total**2 - (predicted**2).sum())
    joint = right.sum() * total - (true * predicted).sum()
    kappa = math.nan
    if ordinal:
        index = np.arange(len(matrix))
        distance = (index[:, None] - index) ** 2
        chance = (distance * np.outer(true, predicted)).sum() / total
        kappa = 1 - (distance * matrix).sum() / chance if chance > 0 else math.nan
    return {
        "balanced_accuracy": _mean(recall),
        "accuracy": right.sum() / total,
        "macro_f1": _mean(f1),
        "mcc": joint / math.sqrt(spread) if spread > 1e-12 * total**4 else 0.0,
        "quadratic_kappa": kappa,
        "worst_class_recall": np.nanmin(recall),
        "recall": recall,
        "precision": _divide(right, predicted),
    }


def _groups(recall: Floats, class_counts: Sequence[int]) -> dict[str, float]:
    names, (head, tail) = np.array(groups(class_counts)), group_cuts(class_counts)
    recalls = {f"{g}_recall": _mean(recall[names == g]) for g in ("head", "medium", "tail")}
    return {**recalls, "head_cut": head, "tail_cut": tail}


def _sensitivity(
    test: Predictions, val: Predictions | None, weight: Floats, prior: Prior
) -> dict[str, float | Floats]:
    """Each class against the rest, at the threshold that gave 95 % specificity on validation.

    The specificity reached on the test split beside it tells whether the threshold carried over.
    """
    classes = test.logits.shape[1]
    sensitivity, specificity = np.full(classes, math.nan), np.full(classes, math.nan)
    if val is not None:
        _check(val, classes)
        seen, given = val.probabilities, test.probabilities
        val_weight = sample_weight(val.target, classes, prior)
        for k in range(classes):
            rest, positive = val.target != k, (test.target == k).astype(np.int64)
            if rest.any():
                threshold = threshold_at(seen[rest, k], val_weight[rest], SPECIFICITY)
                above = (given[:, k] > threshold).astype(np.int64)
                matrix = confusion(positive, above, weight, 2)
                specificity[k], sensitivity[k] = _divide(np.diag(matrix), matrix.sum(1))
    return {
        "sensitivity_at_95_specificity": _mean(sensitivity),
        "achieved_specificity": _mean(specificity),
        "sensitivity_at_95_specificity_per_class": sensitivity,
    }


def _fitted(test: Predictions, val: Predictions | None) -> dict[str, float | Floats]:
    """Recalls at the operating point that validation gives; see ``statistics.operating_point``."""
    recall = np.full(test.logits.shape[1], math.nan)
    if val is not None:
        _check(val, len(recall))
        one = np.ones((1, len(test.id)), np.float32)
        recall = operating_point.recalls(test, operating_point.fitted(val)[None], one)[0]
    return {"fitted_balanced_accuracy": _mean(recall), "fitted_recall": recall}


def _divide(part: Floats, whole: Floats) -> Floats:
    out: Floats = np.divide(part, whole, out=np.full(len(part), math.nan), where=whole > 0)
    return out


def _mean(values: Floats) -> float:
    """Mean of the defined values, NaN without any."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else math.nan


def _plain(value: float | int | Floats) -> float | int | list[float | None] | None:
    """JSON has no NaN and no NumPy."""
    if isinstance(value, np.ndarray):
        return [float(v) if math.isfinite(v) else None for v in value]
    if isinstance(value, int):
        return value
    return float(value) if math.isfinite(value) else None
