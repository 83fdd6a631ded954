"""Augmentation: the only module that imports albumentations."""

import random
from typing import Any

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray

from ..arguments import augmentation
from ..contract import Augmentation

cv2.setNumThreads(1)


def compose(name: Augmentation, square: bool = True) -> A.Compose | None:
    """The augmentation called ``name``; None for ``none``.

    ``symmetries``: one of the eight symmetries of the square (of the four of the rectangle, where
    images are not square). ``standard``: these, a small shift, scale and rotation, and a small
    change of brightness and contrast. ``contrastive``, for views: the symmetries, a part of the
    image enlarged, and a large change of brightness and contrast. Hue stays, and none turns grey:
    colour is diagnostic in skin and fundus images.

    Raises:
        MedtailError: there is no such augmentation.
    """
    if augmentation(name) == "none":
        return None
    symmetries = [A.D4(p=1.0)] if square else [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]
    if name == "symmetries":
        return A.Compose(symmetries)
    if name == "contrastive":
        # A part of 0.3 to 1 of the area (SimCLR's 0.08 may show no lesion), enlarged to the whole,
        # and the 0.4 of MoCo v2's jitter without its saturation and hue.
        part = A.Affine(
            scale=(1.0, 0.3**-0.5),
            translate_percent=(-0.15, 0.15),
            border_mode=cv2.BORDER_REFLECT_101,
            p=1.0,
        )
        light = A.RandomBrightnessContrast(brightness_limit=0.4, contrast_limit=0.4, p=0.8)
        return A.Compose([*symmetries, part, light])
    shifted = A.Affine(
        scale=(0.9, 1.1),
        translate_percent=(-0.08, 0.08),
        rotate=(-20, 20),
        border_mode=cv2.BORDER_REFLECT_101,
        p=0.5,
    )
    light = A.RandomBrightnessContrast(brightness_limit=0.15, contrast_limit=0.15, p=0.5)
    return A.Compose([*symmetries, shifted, light])


class Augmenter:
    """An augmentation whose randomness depends only on a key, not on what was drawn before."""

    def __init__(self, name: Augmentation, seed: int, square: bool = True) -> None:
        self.transform, self.seed = compose(name, square), seed
        self.generator = np.random.Generator(np.random.Philox(0))
        self.python = random.Random()
        if self.transform is not None:
            self.transform.set_random_state(self.generator, self.python)
        self._fresh = np.random.Philox(0).state

    def __call__(self, image: NDArray[np.uint8], key: tuple[int, int, int]) -> NDArray[np.uint8]:
        """Augment [H, W, C] with the randomness of (epoch, position, stream-and-view)."""
        if self.transform is None:
            return image
        state: Any = dict(self._fresh)
        state["state"] = {
            "counter": np.array([0, 0, 0, 0], np.uint64),
            "key": np.array([self.seed * 64 + key[2], (key[0] << 32) + key[1]], np.uint64),
        }
        self.generator.bit_generator.state = state
        self.python.seed(int(self.generator.integers(1 << 62)))
        augmented: NDArray[np.uint8] = self.transform(image=image)["image"]
        return augmented
