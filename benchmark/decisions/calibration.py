"""How far probabilities are from frequencies, class by class: pure functions.

The calibration error of a class is that of its probability against the rest, over bins of as many
samples each. The plug-in estimate of a binned error is too large, and the more so the fewer samples
a bin has, so that it is never 0; the one here is debiased (Kumar, Liang and Ma 2019, "Verified
uncertainty calibration", NeurIPS, https://arxiv.org/abs/1909.10155, section 5): of each bin's
squared gap the variance of its frequency is subtracted. It is a root mean square: at least as large
as the mean absolute gap (the usual ECE) of the same bins.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 15  # as many as the top-label ECE of the boards has
FLIPS = 1000  # of the test


def equal_mass(score: Floats, bins: int = BINS) -> NDArray[np.int64]:
    """[N] the bin of each score, bins holding as many scores as can be; equal scores share one."""
    rank = np.searchsorted(np.sort(score), score)
    _, found = np.unique(rank * min(bins, len(score)) // len(score), return_inverse=True)
    return found.astype(np.int64)


def squared_errors(probability: Floats, target: NDArray[np.int64], bins: int = BINS) -> Floats:
    """[K] debiased squared calibration error of each class against the rest.

    Of bins s with n_s of N samples, mean probability p_s and frequency y_s: the sum over bins of
    n_s / N ((p_s - y_s)^2 - y_s (1 - y_s) / (n_s - 1)); Kumar et al. 2019, section 5. It may
    be below 0. A bin of one sample has no variance to subtract and is left out.

    Args:
        probability: [N, K].
        target: [N].
        bins: at most.
    """
    return np.array(
        [
            _squared_error(probability[:, k], (target == k).astype(np.float64), bins)
            for k in range(probability.shape[1])
        ]
    )


def _squared_error(score: Floats, positive: Floats, bins: int) -> float:
    place = equal_mass(score, bins)
    amount = np.bincount(place).astype(np.float64)
    mean, share = (np.bincount(place, values) / amount for values in (score, positive))
    kept = amount > 1
    variance = share[kept] * (1 - share[kept]) / (amount[kept] - 1)
    terms = (mean[kept] - share[kept]) ** 2 - variance
    return float((amount[kept] * terms).sum() / amount[kept].sum()) if kept.any() else math.nan


def error(squared: Floats, classes: Sequence[int]) -> float:
    """Root of the mean over some classes, 0 where that is below 0; NaN without classes.

    With all K classes it is the marginal calibration error (Kumar et al. 2019, section 2) with
    a weight of 1 / K for each.
    """
    mine = squared[list(classes)]
    return math.sqrt(max(float(mine.mean()), 0.0)) if len(mine) else math.nan


def expected_over_observed(
    probability: Floats, target: NDArray[np.int64], classes: Sequence[int]
) -> float:
    """How many images of some classes are expected, over how many there are.

    Calibration in the large (Van Calster et al. 2019, https://doi.org/10.1186/s12916-019-1466-7):
    1 where the sum of probabilities is the number of images; NaN without images.
    """
    there = np.isin(target, list(classes)).sum()
    return float(probability[:, list(classes)].sum() / there) if there else math.nan


def doubt(
    probability: Floats,
    target: NDArray[np.int64],
    group: NDArray[np.str_],
    bins: int = BINS,
    seed: int = 0,
) -> float:
    """p-value of calibrated probabilities, by the mean of ``squared_errors`` over classes.

    Were they calibrated, a bin's differences of label and probability would have the mean 0. The
    differences of a whole group (the images of a lesion are no independent samples) change their
    sign by chance, ``FLIPS`` times: a wild bootstrap over clusters that imposes what is tested
    (Cameron, Gelbach and Miller 2008, https://doi.org/10.1162/rest.90.3.414). p is the share of
    draws, this one included, whose sum of squared gaps is at least as large.

    Args:
        probability: [N, K].
        target: [N].
        group: [N].
        bins: at most.
        seed: of the signs.
    """
    classes = probability.shape[1]
    _, of = np.unique(group, return_inverse=True)
    rng = np.random.default_rng(seed)
    sign = rng.choice(np.array([-1.0, 1.0], np.float32), (FLIPS, of.max() + 1))
    found, drawn = 0.0, np.zeros(FLIPS)
    for k in range(classes):
        place = equal_mass(probability[:, k], bins)
        rest = (target == k) - probability[:, k]
        sums = np.zeros((len(sign[0]), place.max() + 1))
        np.add.at(sums, (of, place), rest)
        amount = np.bincount(place)
        found += float((sums.sum(0) ** 2 / amount).sum())
        drawn += ((sign @ sums.astype(np.float32)).astype(np.float64) ** 2 / amount).sum(1)
    return float((1 + (drawn >= found).sum()) / (1 + FLIPS))


def curve(
    probability: Floats, target: NDArray[np.int64], classes: Sequence[int], bins: int = BINS
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean probability, frequency and size of bins of some classes' one-vs-rest scores together.

    Args:
        probability: [N, K].
        target: [N].
        classes: whose scores are put into one list.
        bins: at most, of as many scores each.
    """
    score = probability[:, list(classes)].reshape(-1)
    positive = (target[:, None] == np.array(list(classes))).reshape(-1)
    place = equal_mass(score, bins)
    amount = np.bincount(place)
    return np.bincount(place, score) / amount, np.bincount(place, positive) / amount, amount
