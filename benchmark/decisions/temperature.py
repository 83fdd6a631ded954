"""One temperature, fitted on validation: pure functions.

Probabilities softmax(z / T) with the T that has the least negative log-likelihood on the validation
split (Guo et al. 2017, https://arxiv.org/abs/1706.04599, section 4.2). It cannot change which class
is the most probable, and repairs no class's prior.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from ..evidence.predictions import Predictions

Floats = NDArray[np.float64]
ENDS = (1e-3, 1e3)  # of 1 / T; validation without an error would ask for infinity


def fitted(validation: Predictions) -> float:
    """T; the likelihood is log-concave in 1 / T, so that there is one."""
    z = validation.logits.astype(np.float64)
    low, high = np.log(ENDS)
    found = minimize_scalar(
        lambda x: _loss(z * np.exp(x), validation.target),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return float(np.exp(-found.x))


def scaled(given: Predictions, temperature: float) -> Predictions:
    """Predictions at a temperature, in full precision."""
    z = given.logits.astype(np.float64) / temperature
    z -= z.max(1, keepdims=True)
    return replace(given, logits=z - np.log(np.exp(z).sum(1, keepdims=True)))


def softmax(z: Floats) -> Floats:
    """Of the last axis."""
    share: Floats = np.exp(z - z.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    return share


def refitted(validation: Predictions, temperature: float, weights: NDArray[np.float32]) -> Floats:
    """[R] temperatures under weights [R, N] of the validation samples.

    A step of Newton's method in 1 / T from the fit of all samples, with the draw's own slope and
    curvature.
    """
    z, rows = validation.logits.astype(np.float64), np.arange(len(validation.id))
    share = softmax(z / temperature)
    mean = (share * z).sum(1)
    slope = mean - z[rows, validation.target]
    curve = (share * z**2).sum(1) - mean**2
    steep = weights @ curve
    step = np.divide(weights @ slope, steep, out=np.zeros(len(weights)), where=steep > 0)
    inverse = np.clip(1 / temperature - step, *ENDS)
    drawn: Floats = 1 / inverse
    return drawn


def _loss(z: Floats, target: NDArray[np.int64]) -> float:
    z = z - z.max(1, keepdims=True)
    return float((np.log(np.exp(z).sum(1)) - z[np.arange(len(z)), target]).mean())
