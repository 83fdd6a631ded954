"""Whether probabilities are as often right as they say. Pure functions of predictions."""

import numpy as np
from numpy.typing import NDArray

from ..evidence.predictions import Predictions

Floats = NDArray[np.float64]
BINS = 15  # Guo et al. 2017, https://arxiv.org/abs/1706.04599, section 3


def calibration(test: Predictions, probability: Floats, weight: Floats) -> dict[str, float]:
    """ECE over 15 equal bins of confidence, negative log-likelihood, Brier score in its sum form.

    The Brier score is that of Brier 1950, from 0 to 2.
    """
    share, rows = weight / weight.sum(), np.arange(len(weight))
    confidence, right = probability.max(1), probability.argmax(1) == test.target
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    gap = np.bincount(bins, share * (right - confidence), BINS)
    logits = test.logits.astype(np.float64)
    nll = np.log(np.exp(logits).sum(1)) - logits[rows, test.target]
    true = probability[rows, test.target]
    brier = (probability**2).sum(1) - true**2 + (1 - true) ** 2
    return {"ece": float(np.abs(gap).sum()), "nll": share @ nll, "brier": share @ brier}
