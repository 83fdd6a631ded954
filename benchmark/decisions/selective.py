"""Answering only where a network is sure: risk against coverage. Pure functions.

A sample is answered if its confidence (the highest probability) is among the highest. The area
under the curve of risk against coverage is AURC (Geifman and El-Yaniv 2017,
https://arxiv.org/abs/1705.08500; Geifman, Uziel and El-Yaniv 2019,
https://arxiv.org/abs/1805.08206, section 2): the mean of the selective risk over the coverages
1 / N, ..., 1. That refusals may fall upon a group is shown by Jones et al. 2021
(https://arxiv.org/abs/2010.14134), hence the balanced risk, and how much of the tail is answered.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
COVERAGE = 0.8


class Selective(NamedTuple):
    """What becomes of a test if only part of it is answered.

    Attributes:
        aurc: area under risk and coverage.
        risk: share of errors at full coverage.
        balanced: balanced risk at full coverage.
        balanced_covered: the same at a coverage of ``COVERAGE``.
        tail_answered: share of the tail's images that are then answered.
    """

    aurc: float
    risk: float
    balanced: float
    balanced_covered: float
    tail_answered: float


def risks(confidence: Floats, wrong: NDArray[np.bool_]) -> Floats:
    """[N] share of errors among the n most confident, n = 1, ..., N.

    Among samples of one confidence the order is chance: each counts as their mean.
    """
    order = np.argsort(-confidence, kind="stable")
    _, of = np.unique(-confidence[order], return_inverse=True)
    mean = np.bincount(of, wrong[order]) / np.bincount(of)
    found: Floats = np.cumsum(mean[of]) / np.arange(1, len(order) + 1)
    return found


def answered(confidence: Floats, coverage: float) -> NDArray[np.bool_]:
    """[N] whether a sample is among so large a share of the most confident, with those tied."""
    amount = max(1, math.ceil(coverage * len(confidence) - 1e-9))
    kept: NDArray[np.bool_] = confidence >= np.sort(confidence)[::-1][amount - 1]
    return kept


def balanced_risk(
    target: NDArray[np.int64], wrong: NDArray[np.bool_], kept: NDArray[np.bool_], classes: int
) -> float:
    """Mean over classes of the share of errors among their answered samples.

    A class that is there and of which nothing is answered has the risk 1: it is never found.
    """
    each = [
        float(wrong[kept & (target == k)].mean()) if (kept & (target == k)).any() else 1.0
        for k in range(classes)
        if (target == k).any()
    ]
    return sum(each) / len(each)


def selective(probability: Floats, target: NDArray[np.int64], tail: Sequence[int]) -> Selective:
    """Of a test.

    Args:
        probability: [N, K].
        target: [N].
        tail: classes of the tail.
    """
    classes = probability.shape[1]
    confidence, wrong = probability.max(1), probability.argmax(1) != target
    kept, rare = answered(confidence, COVERAGE), np.isin(target, list(tail))
    return Selective(
        float(risks(confidence, wrong).mean()),
        float(wrong.mean()),
        balanced_risk(target, wrong, np.ones(len(target), bool), classes),
        balanced_risk(target, wrong, kept, classes),
        float(kept[rare].mean()) if rare.any() else math.nan,
    )


def balanced_curve(
    probability: Floats, target: NDArray[np.int64], coverages: Sequence[float]
) -> Floats:
    """[C] balanced risk at some coverages."""
    confidence, wrong = probability.max(1), probability.argmax(1) != target
    classes = probability.shape[1]
    return np.array(
        [balanced_risk(target, wrong, answered(confidence, c), classes) for c in coverages]
    )
