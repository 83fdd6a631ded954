"""The same network where classes are as common as elsewhere: pure functions.

An image of class k weighs prior_k over the test images of k, as on the boards' page (``prior.js``):
recall is the same under every prior, and with it balanced accuracy; whatever mixes classes is not.
Decisions may follow the prior, where it is known: p(k | x) times the ratio of the new prior to that
which the probabilities stand for (Saerens, Latinne and Decaestecker 2002,
https://doi.org/10.1162/089976602753284446, equation 2.4; as logits: Menon et al. 2021,
https://arxiv.org/abs/2007.07314).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..evidence.predictions import Predictions
from ..metrics.long_tail import auc_and_ap, confusion
from .temperature import softmax

Floats = NDArray[np.float64]


def priors(class_counts: Sequence[int]) -> dict[str, Floats]:
    """The training prior, the uniform one, and the training prior turned round, by name.

    Turned round, the class with fewest training images is as common as the one with most was.
    """
    counts = np.array(class_counts, np.float64)
    order = np.argsort(-counts, kind="stable")
    turned = np.empty_like(counts)
    turned[order] = counts[order[::-1]]
    named = {"head-heavy": counts, "uniform": np.ones_like(counts), "tail-heavy": turned}
    return {name: values / values.sum() for name, values in named.items()}


def weights(target: NDArray[np.int64], prior: Floats) -> Floats:
    """[N] weights of samples that sum to 1; classes without a sample leave theirs to the others."""
    counts = np.bincount(target, minlength=len(prior))
    present = np.where(counts > 0, prior, 0.0)
    each: Floats = present / present.sum() / np.maximum(counts, 1)
    return each[target]


def plain(given: Predictions) -> NDArray[np.int64]:
    """[N] the most probable class."""
    chosen: NDArray[np.int64] = given.probabilities.argmax(1)
    return chosen


def by_ratio(given: Predictions, prior: Floats, trained: Floats) -> NDArray[np.int64]:
    """[N] decisions by p times prior / trained: right where p stands for the training prior.

    That is so of plain cross-entropy. A method that rebalances has made probabilities of another
    prior already.
    """
    ratio = np.log(np.maximum(prior, 1e-300)) - np.log(np.maximum(trained, 1e-300))
    chosen: NDArray[np.int64] = (given.logits.astype(np.float64) + ratio).argmax(1)
    return chosen


def fitted(given: Predictions, point: Floats, prior: Floats) -> Floats:
    """[N, K] probabilities under a prior, from a point that was fitted on validation.

    ``metrics.operating_point`` gives one scale and K offsets that fit the class-balanced
    cross-entropy, whatever prior the network stands for: probabilities of the uniform prior.

    Args:
        given: of the test.
        point: [1 + K], of ``operating_point.fitted``.
        prior: [K].
    """
    z = given.logits.astype(np.float64)
    moved = point[0] * (z - z.mean(1, keepdims=True)) + point[1:]
    return softmax(moved + np.log(np.maximum(prior, 1e-300)))


def decided(
    target: NDArray[np.int64], chosen: NDArray[np.int64], prior: Floats
) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro F1 and MCC of decisions under a prior.

    The formulas are those of ``metrics.long_tail``, with the weights of ``weights``.

    Args:
        target: [N].
        chosen: [N] decisions.
        prior: [K].
    """
    matrix = confusion(target, chosen, weights(target, prior), len(prior))
    right, true, called = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    there = true > 0
    spread = (1 - (true**2).sum()) * (1 - (called**2).sum())
    joint = right.sum() - (true * called).sum()
    return {
        "accuracy": float(right.sum()),
        "balanced_accuracy": float((right[there] / true[there]).mean()),
        "macro_f1": float((2 * right[there] / (true + called)[there]).mean()),
        "mcc": float(joint / math.sqrt(spread)) if spread > 1e-12 else 0.0,
    }


def macro_auc(given: Predictions, prior: Floats) -> float:
    """Mean one-vs-rest AUC under a prior, which weighs the rest; NaN where no class has one."""
    weight, probability = weights(given.target, prior), given.probabilities
    used = weight > 0
    each = [
        auc_and_ap(probability[used, k], given.target[used] == k, weight[used])[0]
        for k in range(len(prior))
    ]
    return float(np.nanmean(each)) if not np.isnan(each).all() else math.nan
