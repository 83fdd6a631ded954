"""Drawn predictions of long-tailed classes."""

import math

import numpy as np

from medtail.benchmark.evidence.predictions import Predictions

HAM = (228, 359, 769, 80, 778, 4693, 98)


def predictions(target, logits):
    id = np.array([f"s{i}" for i in range(len(target))])
    return Predictions.of(id, id, np.asarray(target, np.int64), np.asarray(logits, np.float64))


def draw(seed=0, n=400, classes=5, skill=1.0, absent=()):
    rng = np.random.default_rng(seed)
    share = 0.5 ** np.arange(classes)
    share[list(absent)] = 0
    target = rng.choice(classes, n, p=share / share.sum())
    return predictions(target, rng.normal(size=(n, classes)) + skill * np.eye(classes)[target])


def of_probabilities(target, rows):
    """Predictions whose probabilities are, to float16, the given ones."""
    return predictions(target, np.log(np.clip(np.asarray(rows, float), 1e-12, 1)))


def flat(values):
    return np.array([math.nan if v is None else v for v in values])
