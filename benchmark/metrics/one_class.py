"""Metrics of the one-class track: abnormal (1) against given (0). Pure functions of predictions."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medtail.datamodules.core.errors import MedtailError

from ..evidence.predictions import Predictions
from ..evidence.record import Metrics
from .long_tail import SPECIFICITY, Floats, auc_and_ap, threshold_at


def log_odds(predictions: Predictions) -> Floats:
    """[N] log-probability of abnormal minus that of given: higher is more abnormal."""
    scores: Floats = np.diff(predictions.logits.astype(np.float64), axis=1)[:, 0]
    return scores


def abnormal_classes(test: Predictions, class_names: Sequence[str]) -> tuple[int, ...]:
    """Indices, in the dataset, of the classes that are not the given one, in its order.

    Raises:
        MedtailError: the predictions do not say the classes, or nothing is given or abnormal.
    """
    if test.source_class is None or test.logits.shape[1] != 2:
        raise MedtailError(
            "one-class metrics: two logits and the classes of the dataset are needed"
        )
    given = set(test.source_class[test.target == 0].tolist())
    others = tuple(k for k in range(len(class_names)) if k not in given)
    if not given or not (test.target == 1).any():
        raise MedtailError("one-class metrics: the test has no given or no abnormal images")
    return others


def score(test: Predictions, val: Predictions | None, class_names: Sequence[str]) -> Metrics:
    """Every metric of a test split; what is undefined is ``None``.

    Args:
        test: the predictions to score, with ``source_class``.
        val: validation predictions, whose given images fix the threshold: the 95 % quantile of
            their scores. No abnormal label takes part. Without them what needs a threshold is
            undefined.
        class_names: of the dataset.

    Returns:
        ``auroc``, ``auprc`` and the ``prevalence`` it must be read against; at the threshold
        ``sensitivity_at_95_specificity``, ``achieved_specificity`` and ``f1``; ``class_auroc``,
        each abnormal class against the given one; ``given_images`` of the test.

    Raises:
        MedtailError: see ``abnormal_classes``; or validation has no given images.
    """
    others = abnormal_classes(test, class_names)
    scores, abnormal = log_odds(test), test.target == 1
    auroc, auprc = auc_and_ap(scores, abnormal, np.ones(len(scores)))
    return {
        "auroc": auroc,
        "auprc": auprc,
        "prevalence": float(abnormal.mean()),
        **_decisions(scores, abnormal, val),
        "given_images": int((~abnormal).sum()),
        "class_auroc": [_against_given(test, scores, k) for k in others],
    }


def support(test: Predictions, class_names: Sequence[str]) -> tuple[int, ...]:
    """Test images of each abnormal class."""
    source, others = test.source_class, abnormal_classes(test, class_names)
    return tuple(int(np.count_nonzero(source == k)) for k in others)


def _decisions(
    scores: Floats, abnormal: NDArray[np.bool_], val: Predictions | None
) -> dict[str, float | None]:
    if val is None:
        return dict.fromkeys(("sensitivity_at_95_specificity", "achieved_specificity", "f1"))
    known = log_odds(val)[val.target == 0]
    if not len(known):
        raise MedtailError("one-class metrics: validation has no given images")
    called = scores > threshold_at(known, np.ones(len(known)), SPECIFICITY)
    found, false = int((called & abnormal).sum()), int((called & ~abnormal).sum())
    return {
        "sensitivity_at_95_specificity": found / int(abnormal.sum()),
        "achieved_specificity": 1 - false / int((~abnormal).sum()),
        "f1": 2 * found / int(called.sum() + abnormal.sum()),
    }


def _against_given(test: Predictions, scores: Floats, k: int) -> float | None:
    """AUROC of one abnormal class; None without a test image of it."""
    kept = (test.target == 0) | (test.source_class == k)
    value, _ = auc_and_ap(scores[kept], test.target[kept] == 1, np.ones(int(kept.sum())))
    return value if math.isfinite(value) else None
