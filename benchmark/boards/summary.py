"""Predictions of a seed in short: what its metrics under any class prior follow from."""

import numpy as np

from ..evidence.predictions import Predictions
from ..grid.cell import Frozen
from ..statistics.intervals import auc


class Summary(Frozen):
    """Predictions of a seed in short, for K classes.

    Attributes:
        seed: of training.
        confusion: [K, K] images of each class (first) that are taken for each (second).
        pairwise_auc: [K, K] chance that an image of the first class has a higher probability of
            that class than an image of the second; None on the diagonal or without images.
            One-vs-rest AUC is its mean over the second class, weighted by their prior.
    """

    seed: int
    confusion: tuple[tuple[int, ...], ...]
    pairwise_auc: tuple[tuple[float | None, ...], ...]


def summary(seed: int, given: Predictions) -> Summary:
    """Of a seed, from its predictions."""
    probability, target = given.probabilities, given.target
    classes = probability.shape[1]
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (target, probability.argmax(1)), 1)
    each = np.ones((len(target), 1), np.float32)

    def pair(k: int, other: int) -> float | None:
        mine = (target == k) | (target == other)
        value = auc(probability[mine, k], target[mine] == k, each[mine])[0]
        return None if k == other or np.isnan(value) else round(float(value), 6)

    pairs = tuple(tuple(pair(k, other) for other in range(classes)) for k in range(classes))
    return Summary(
        seed=seed, confusion=tuple(tuple(row) for row in confusion.tolist()), pairwise_auc=pairs
    )
