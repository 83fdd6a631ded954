"""Metrics of the few-shot track: episodes in, numbers out. Pure NumPy.

Every number is a mean over episodes. Its 95 % half-width is the normal approximation over them:
other episodes of the same images, not other images or trainings.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medtail.datamodules.core.errors import MedtailError

from ..evidence.predictions import Predictions
from ..evidence.record import Metrics
from .long_tail import Floats, auc_and_ap

Ints = NDArray[np.int64]
FIRST = 30  # runs of Li et al. 2020, https://arxiv.org/abs/1907.00354, section 2.3
NORMAL_95 = 1.959964  # quantile of the normal distribution at 0.975


def score_episodes(test: Predictions, names: Sequence[str]) -> Metrics:
    """Every metric of a list of episodes.

    Args:
        test: predictions with ``episode`` and ``source_class``.
        names: of the classes that ``source_class`` counts.

    Returns:
        ``episode_auc`` and ``episode_accuracy`` with their half-widths ``_ci95``,
        ``episode_class_average``, the mean of an episode's classes, where they do not have as many
        queries each, ``episode_auc_30`` of the first 30 episodes, ``episodes``; for each class
        ``class_auc``, the mean AUC of the episodes it takes part in, and ``recall``, the share of
        its queries that are right.

    Raises:
        MedtailError: no episodes, or an episode without a query of each class.
    """
    auc = episode_aucs(test)
    assert test.episode is not None  # or there were no AUCs
    if test.source_class is None:
        raise MedtailError("metrics: the predictions do not say of which class a query is")
    numbers, place = np.unique(test.episode, return_inverse=True)
    right = (test.probabilities.argmax(1) == test.target).astype(np.float64)
    accuracy = np.bincount(place, right) / np.bincount(place)
    average = _class_average(place, test.target, right)
    takes_part = np.zeros((len(numbers), len(names)), bool)
    takes_part[place, test.source_class] = True
    classes = range(len(names))
    return {
        "episode_auc": float(auc.mean()),
        "episode_auc_ci95": half_width(auc),
        "episode_auc_30": float(auc[:FIRST].mean()),
        "episode_auc_30_ci95": half_width(auc[:FIRST]),
        "episode_accuracy": float(accuracy.mean()),
        "episode_accuracy_ci95": half_width(accuracy),
        **({} if average is None else {"episode_class_average": float(average.mean())}),
        "episodes": len(numbers),
        "class_auc": [_mean(auc[takes_part[:, c]]) for c in classes],
        "recall": [_mean(right[test.source_class == c]) for c in classes],
    }


def episode_aucs(test: Predictions) -> Floats:
    """[E] AUC of each episode: of class 1 where there are two, else the mean one-vs-rest.

    Raises:
        MedtailError: no episodes, or an episode without a query of each class.
    """
    if test.episode is None or not len(test.id):
        raise MedtailError("metrics: the predictions have no episodes to score")
    numbers, place = np.unique(test.episode, return_inverse=True)
    probability = test.probabilities
    auc = np.array([_auc(probability[e], test.target[e]) for e in _members(place, len(numbers))])
    if not np.isfinite(auc).all():
        odd = int(numbers[~np.isfinite(auc)][0])
        raise MedtailError(f"metrics: episode {odd} does not have queries of every class")
    return auc


def _class_average(place: Ints, target: Ints, right: Floats) -> Floats | None:
    """[E] mean over an episode's classes of the share that is right; None where it is accuracy."""
    shape = int(place.max()) + 1, int(target.max()) + 1
    cell = np.ravel_multi_index((place, target), shape)
    amount = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    if (amount == amount[:, :1]).all():
        return None
    each = np.bincount(cell, right, amount.size).reshape(shape) / amount
    return np.asarray(each.mean(1), np.float64)


def half_width(values: Floats) -> float | None:
    """Half of the 95 % interval of a mean; None for a single value."""
    if len(values) < 2:
        return None
    return float(NORMAL_95 * values.std(ddof=1) / math.sqrt(len(values)))


def _members(place: Ints, amount: int) -> list[Ints]:
    return np.split(
        np.argsort(place, kind="stable"), np.bincount(place, minlength=amount).cumsum()[:-1]
    )


def _auc(probability: Floats, target: Ints) -> float:
    """Of class 1 where there are two, else the mean of one against the rest."""
    ways = probability.shape[1]
    weight = np.ones(len(target))
    each = [
        auc_and_ap(probability[:, k], target == k, weight)[0]
        for k in (range(ways) if ways > 2 else (1,))
    ]
    return float(np.mean(each))


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None
