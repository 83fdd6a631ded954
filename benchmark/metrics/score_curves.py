"""ROC and precision-recall curves of a score, read at fixed places: pure functions.

Curves of several seeds are averaged at the same places (vertical averaging, Fawcett 2006,
https://doi.org/10.1016/j.patrec.2005.10.010, algorithm 3): they share no threshold.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Denser where few healthy people are alarmed, as a screening test is read there.
FALSE_POSITIVE_RATES: Floats = (np.arange(51) / 50) ** 2
RECALLS: Floats = np.arange(1, 51) / 50


def roc(score: Floats, positive: NDArray[np.bool_]) -> Floats | None:
    """Recall of the positives at ``FALSE_POSITIVE_RATES``; None without positives or negatives.

    Points of equal scores are joined by a straight line, so that the area below counts ties half.

    Args:
        score: [N], high for positives.
        positive: [N].
    """
    if not positive.any() or positive.all():
        return None
    found, wrong = _counted(score, positive)
    rates = np.concatenate([[0.0], wrong / wrong[-1]])
    recall: Floats = np.interp(
        FALSE_POSITIVE_RATES, rates, np.concatenate([[0.0], found / found[-1]])
    )
    return recall


def precision(score: Floats, positive: NDArray[np.bool_]) -> Floats | None:
    """Precision where recall first reaches each of ``RECALLS``; None without positives.

    Steps and no lines between the points, which would promise too much (Davis and Goadrich 2006,
    https://doi.org/10.1145/1143844.1143874): the mean over all recalls is the average precision.

    Args:
        score: [N], high for positives.
        positive: [N].
    """
    if not positive.any():
        return None
    found, wrong = _counted(score, positive)
    first = np.searchsorted(found, RECALLS * found[-1] - 1e-9)
    share: Floats = found[first] / (found + wrong)[first]
    return share


def _counted(score: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Positives and negatives at least as high as each different score, the highest first."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    found = np.cumsum(positive[order])[last].astype(np.float64)
    return found, last + 1.0 - found
