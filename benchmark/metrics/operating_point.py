"""Balanced accuracy at a fitted operating point: pure functions of predictions.

Which class has the highest probability depends on the class prior that a network learnt, so that
balanced accuracy ranks decision thresholds as much as networks. Here every row gets its best linear
threshold in the same way: logits ``scale * z + offset`` of log-probabilities z, one scale and K
offsets, which minimise the class-balanced cross-entropy of the *validation* split. It is a form of
vector scaling (Guo et al. 2017, https://arxiv.org/abs/1706.04599) with one slope, hence convex; a
log-prior shift (Menon et al. 2021, https://arxiv.org/abs/2007.07314) is one of its points.

A ridge pulls to the network's own decisions, because a dozen images of a class tell little: as much
as ``RIDGE`` over the effective number of validation images; tools/operating_point.py chose it. The
fit is a part of what varies: a replicate draws the validation groups, too, and moves the fit by a
step of Newton's method.
"""

import numpy as np
from numpy.typing import NDArray

from ..evidence.predictions import Predictions

Floats = NDArray[np.float64]
RIDGE = 0.3
STEPS = 50  # of Newton's method at most; it takes about ten
CLOSE = 1e-9  # to the minimum: the largest entry of the last step
BLOCK = 50  # draws at a time, to keep memory small


def fitted(validation: Predictions, ridge: float = RIDGE) -> Floats:
    """[1 + K] scale and offsets.

    The offsets sum to 0, as the ridge is the same for all; a class without validation images has 0.
    """
    z, own = _logits(validation), _present(validation)
    weight = _balanced(np.ones((1, len(z))), validation.target, own)[0]
    point = _start(len(own))
    penalty = ridge / _effective(validation.target, own)
    loss = _loss(point, z[:, own], validation.target, own, weight, penalty)
    for _ in range(STEPS):
        slope, curve = _moments(point, z[:, own], validation.target, own)
        gradient = weight @ slope + penalty * (point - _start(len(own)))
        hessian = (weight @ curve.reshape(len(z), -1)).reshape(curve.shape[1:])
        step = np.linalg.solve(hessian + penalty * np.eye(len(point)), gradient)
        size = 1.0
        while size > 1e-6:
            tried = point - size * step
            lower = _loss(tried, z[:, own], validation.target, own, weight, penalty)
            if lower <= loss:
                break
            size /= 2
        point, loss = tried, lower
        if np.abs(size * step).max() < CLOSE:
            break
    return _whole(point, own, z.shape[1])


def refitted(validation: Predictions, point: Floats, weights: NDArray[np.float32]) -> Floats:
    """[R, 1 + K] the fit under weights [R, N] of the validation samples, by a step from it.

    A step of Newton's method from the fit of all samples, with the draw's own slope and curvature.
    """
    z, own = _logits(validation), _present(validation)
    start = np.concatenate([point[:1], point[1:][own]])
    slope, curve = _moments(start, z[:, own], validation.target, own)
    weight = _balanced(weights.astype(np.float64), validation.target, own)
    penalty = RIDGE / _effective(validation.target, own)
    gradient = weight @ slope + penalty * (start - _start(len(own)))
    hessian = (weight @ curve.reshape(len(z), -1)).reshape(-1, *curve.shape[1:])
    step = np.linalg.solve(hessian + penalty * np.eye(len(start)), gradient[..., None])[..., 0]
    return np.stack([_whole(p, own, z.shape[1]) for p in start - step])


def recalls(test: Predictions, points: Floats, weights: NDArray[np.float32]) -> Floats:
    """[R, K] recall of each class at points [R, 1 + K], under sample weights [R, N]."""
    z = _logits(test)
    classes = z.shape[1]
    member = np.eye(classes, dtype=np.float32)[test.target]
    found = np.empty((len(points), classes))
    for first in range(0, len(points), BLOCK):
        part = slice(first, first + BLOCK)
        moved = points[part, :1, None] * z[None] + points[part, None, 1:]
        mine = np.ascontiguousarray(weights[part])
        right = (moved.argmax(2) == test.target) * mine
        total = mine @ member
        hits = right.astype(np.float32) @ member
        found[part] = np.divide(hits, total, out=np.full(total.shape, np.nan), where=total > 0)
    return found


def _logits(given: Predictions) -> Floats:
    """[N, K] log-probabilities, each row about 0."""
    z = given.logits.astype(np.float64)
    centred: Floats = z - z.mean(1, keepdims=True)
    return centred


def _present(validation: Predictions) -> NDArray[np.int64]:
    """Classes that validation has."""
    return np.unique(validation.target)


def _start(classes: int) -> Floats:
    """The network's own decisions."""
    return np.concatenate([[1.0], np.zeros(classes)])


def _whole(point: Floats, own: NDArray[np.int64], classes: int) -> Floats:
    """A point of some classes for all."""
    whole = np.zeros(1 + classes)
    whole[0], whole[1 + own] = point[0], point[1:]
    return whole


def _balanced(weights: Floats, target: NDArray[np.int64], own: NDArray[np.int64]) -> Floats:
    """[R, N] of weights [R, N], every class of the same sum; all sum to 1."""
    member = (target[:, None] == own).astype(np.float64)
    total = weights @ member
    balanced: Floats = weights / (total @ member.T) / len(own)
    return balanced


def _effective(target: NDArray[np.int64], own: NDArray[np.int64]) -> float:
    """As many images, all counting alike, have the variance of a mean over classes."""
    counts = np.array([(target == k).sum() for k in own])
    return float(len(own) ** 2 / (1 / counts).sum())


def _loss(
    point: Floats,
    z: Floats,
    target: NDArray[np.int64],
    own: NDArray[np.int64],
    weight: Floats,
    penalty: float,
) -> float:
    logits = point[0] * z + point[1:]
    logits -= logits.max(1, keepdims=True)
    true = logits[np.arange(len(z)), np.searchsorted(own, target)]
    pull = ((point - _start(len(own))) ** 2).sum()
    return float(weight @ (np.log(np.exp(logits).sum(1)) - true) + penalty / 2 * pull)


def _moments(
    point: Floats, z: Floats, target: NDArray[np.int64], own: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """[N, P] gradients and [N, P, P] curvatures of samples' cross-entropies, P = 1 + classes."""
    logits = point[0] * z + point[1:]
    chance = np.exp(logits - logits.max(1, keepdims=True))
    chance /= chance.sum(1, keepdims=True)
    wrong = chance - (target[:, None] == own)
    slope = np.concatenate([(wrong * z).sum(1, keepdims=True), wrong], 1)
    each = np.broadcast_to(np.eye(len(own)), (len(z), len(own), len(own)))
    inner = np.concatenate([z[:, :, None], each], 2)
    mean = np.einsum("nk,nkp->np", chance, inner)
    curve = np.einsum("nk,nkp,nkq->npq", chance, inner, inner, optimize=True)
    return slope, curve - mean[:, :, None] * mean[:, None, :]
