"""The constants that images are normalised with: given ones, or those of the training images."""

import math

import numpy as np
from numpy.typing import NDArray

from ..contract import Constants, Normalisation
from ..errors import DataError
from .cache import ImageStore

HALF = 0.5  # pixels from -1 to 1
CHUNK = 256  # images that are counted at a time


def constants(
    name: str,
    wanted: Normalisation | Constants,
    store: ImageStore,
    rows: NDArray[np.int64],
) -> Constants:
    """Mean and standard deviation of each channel; empty for ImageNet's, which need no numbers.

    Args:
        name: of the data, for messages.
        wanted: ``imagenet``, ``half``, ``dataset`` (measured on ``rows``), or the numbers: one for
            each channel, or one for all.
        store: the images.
        rows: of the training images.

    Raises:
        DataError: numbers for other channels than there are, or images without any contrast.
    """
    if wanted == "imagenet":
        return (), ()
    channels = store.images.shape[3]
    if wanted == "half":
        return (HALF,) * channels, (HALF,) * channels
    if wanted == "dataset":
        return measured(name, store, rows)
    mean, std = wanted
    if len(mean) == 1:
        return mean * channels, std * channels
    if len(mean) != channels:
        raise DataError(
            f"{name}: normalisation has numbers for {len(mean)} channels, its images have "
            f"{channels}: give one, or {channels}"
        )
    return mean, std


def measured(name: str, store: ImageStore, rows: NDArray[np.int64]) -> Constants:
    """Mean and standard deviation over all pixels of some images, of pixels in [0, 1].

    Counted in whole numbers: the same to the last bit on every machine, in whatever order.

    Raises:
        DataError: a channel has one value only.
    """
    channels = store.images.shape[3]
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, len(rows), CHUNK):
        images = store.images[rows[start : start + CHUNK]]
        for channel in range(channels):
            counts[channel] += np.bincount(images[..., channel].ravel(), minlength=256)
        store.let_go(len(images))
    made = []
    for count in counts.tolist():
        amount = sum(count)
        first, second = (sum(c * level**k for level, c in enumerate(count)) for k in (1, 2))
        spread = amount * second - first**2
        if not spread:
            raise DataError(
                f"{name}: normalisation 'dataset': the training images are all of one "
                "grey: take another"
            )
        made.append((first / amount / 255, math.sqrt(spread) / amount / 255))
    mean, std = zip(*made, strict=True)
    return tuple(mean), tuple(std)
