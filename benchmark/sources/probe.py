"""A shortcut probe: how well a class is told without a look at what an image shows.

A small model learns from the size of the file, the shape of the original, the outermost pixels and
what stands beside the images in their table, and is scored on the test split. What it reaches, a
network may reach for the same reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medtail.datamodules.core.base import ImageDataModule

from ..evidence.predictions import Predictions
from ..statistics.intervals import LEVEL, REPLICATES, Floats, Interval, aucs, group_weights

TREES = 300
LEAF = 3  # images of a leaf at least
MOST_WORDS = 40  # values of a column of words; the rarer ones are taken for one


@dataclass(frozen=True)
class Told:
    """What a probe reaches on the test split.

    Attributes:
        predictions: of the test split, in its order.
        draws: [1 + R] macro one-vs-rest AUC as it is, then on draws of the test's groups.
    """

    predictions: Predictions
    draws: Floats

    @property
    def auc(self) -> Interval:
        """Macro one-vs-rest AUC with its interval of 95 % over test sets."""
        return interval(self.draws)


def interval(draws: Floats) -> Interval:
    """Of a number [1 + R]: as it is, and percentiles of its draws."""
    ends = np.nanpercentile(draws[1:], [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Interval(float(draws[0]), *map(float, ends))


def facts(data: ImageDataModule) -> dict[str, Floats]:
    """What is known of each image without a look at its middle: kind -> [N, D].

    Args:
        data: set up, so that its pixels are cached.
    """
    found: dict[str, Floats] = {}
    if data.table.path is not None:
        found["file"] = np.array([[float(path.stat().st_size)] for path in data.table.path])
        found["shape"] = np.array([_shape(str(path)) for path in data.table.path])
    found["border"] = np.stack([border(data.store.images[n]) for n in range(len(data.table))])
    return found | {name: as_numbers(words) for name, words in data.beside().items()}


def _shape(path: str) -> tuple[float, float, float]:
    with Image.open(path) as image:
        width, height = image.size
    return float(width), float(height), width / height


def border(image: NDArray[np.uint8]) -> Floats:
    """[2 C] mean and standard deviation of each channel over the outermost pixels of [H, W, C]."""
    sides = image[0], image[-1], image[1:-1, 0], image[1:-1, -1]
    ring = np.concatenate(sides).astype(np.float64)
    return np.concatenate([ring.mean(0), ring.std(0)])


def as_numbers(words: list[str]) -> Floats:
    """[N, D] of a column: numbers as they are, -1 for none; words as one-hot."""
    try:
        return np.array([[float(word) if word else -1.0] for word in words])
    except ValueError:
        known, place, amount = np.unique(words, return_inverse=True, return_counts=True)
    order = np.argsort(np.argsort(-amount, kind="stable"))
    return np.eye(min(len(known), MOST_WORDS))[np.minimum(order, MOST_WORDS - 1)[place]]


def probe(data: ImageDataModule, known: Mapping[str, Floats]) -> Told:
    """Learn from the facts of the training images, judge the test images.

    Args:
        data: under its natural regime, set up.
        known: what ``facts`` gives, or a part of it.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    given = np.concatenate(list(known.values()), 1)
    train, test = data.rows("train"), data.rows("test")
    model = ExtraTreesClassifier(
        TREES, min_samples_leaf=LEAF, class_weight="balanced", random_state=0
    )
    model.fit(given[train], data.table.target[train])
    chance = np.zeros((len(test), len(data.class_names)))
    chance[:, model.classes_] = model.predict_proba(given[test])
    ids = data.table.id[test]
    groups = ids if data.table.group is None else data.table.group[test]
    scores = np.log(np.clip(chance, 1e-6, None))
    return told(Predictions.of(ids, groups, data.table.target[test], scores))


def told(predictions: Predictions) -> Told:
    """The same of predictions of the test split."""
    draws = group_weights(predictions.target, predictions.group, REPLICATES, 0)
    weights = np.concatenate([np.ones_like(draws[:1]), draws])
    return Told(predictions, np.nanmean(aucs(predictions, weights), 1))
