"""Specificity at a sensitivity, for classes that must not be missed: pure functions.

The threshold comes of validation: the highest that finds at least so many of its positives. On the
test it finds more or fewer of them, which is therefore said beside the specificity.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SENSITIVITIES = (0.9, 0.95)


class Reached(NamedTuple):
    """What a threshold gives on the test, [1 + R]: as it is, then drawn anew.

    Attributes:
        specificity: share of negatives below it.
        sensitivity: share of positives at or above it.
    """

    specificity: Floats
    sensitivity: Floats


def score_of(probability: Floats, classes: Sequence[int]) -> Floats:
    """[N] probability that a sample is of one of some classes."""
    total: Floats = probability[:, list(classes)].sum(1)
    return total


def at_sensitivity(score: Floats, weights: NDArray[np.float32], sensitivity: float) -> Floats:
    """[R] the highest of the scores [N] of positives that so large a share of them is not below.

    Args:
        score: of the positives alone.
        weights: [R, N] of them; a draw's, of which none may have any weight.
        sensitivity: at least.
    """
    order = np.argsort(-score, kind="stable")
    found = np.cumsum(weights[:, order], axis=1, dtype=np.float64)
    # The last step of a sum of weights may fall a rounding short of the share it stands for.
    wanted = sensitivity * found[:, -1:] - 1e-9
    first = np.argmax(found >= wanted, axis=1)
    thresholds: Floats = score[order][first]
    return thresholds


def reached(
    score: Floats,
    positive: NDArray[np.bool_],
    weights: NDArray[np.float32],
    thresholds: Floats,
) -> Reached:
    """What thresholds give on the test.

    Args:
        score: [N].
        positive: [N].
        weights: [1 + R, N] of the test's samples.
        thresholds: [1 + R], one for each of the draws.
    """
    return Reached(
        1 - _at_least(score[~positive], weights[:, ~positive], thresholds),
        _at_least(score[positive], weights[:, positive], thresholds),
    )


def _at_least(score: Floats, weights: NDArray[np.float32], thresholds: Floats) -> Floats:
    """[R] share of the weights whose score is not below the threshold."""
    order = np.argsort(score, kind="stable")
    below = np.zeros((len(weights), len(score) + 1))
    np.cumsum(weights[:, order], axis=1, out=below[:, 1:])
    place = np.searchsorted(score[order], thresholds, side="left")
    total = below[:, -1]
    missed = below[np.arange(len(weights)), place]
    share: Floats = np.divide(
        total - missed, total, out=np.full(len(total), np.nan), where=total > 0
    )
    return share
