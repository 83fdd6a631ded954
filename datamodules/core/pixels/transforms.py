"""Augmentation: the only module that imports albumentations."""

import random
from typing import Any, NamedTuple

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray

from ..arguments import augmentation
from ..contract import Augmentation

cv2.setNumThreads(1)

# Of each element of D4: whether it transposes, and then reverses the rows and the columns.
SYMMETRIES = {
    "e": (False, False, False), "r180": (False, True, True), "v": (False, True, False),
    "h": (False, False, True), "t": (True, False, False), "hvt": (True, True, True),
    "r90": (True, True, False), "r270": (True, False, True),
}  # fmt: skip
LEVELS = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)


class Drawn(NamedTuple):
    """What an augmentation drew for one image: its parts, in the order in which they are applied.

    Attributes:
        symmetry: whether to transpose, and then to reverse the rows, the columns.
        warp: (a, b, c, d, e, f): the image at (x, y) is what was at (a x + b y + c, d x + e y + f);
            None where it stays.
        light: [256] what becomes of each grey level; None where it stays.
    """

    symmetry: tuple[bool, bool, bool] = SYMMETRIES["e"]
    warp: tuple[float, ...] | None = None
    light: NDArray[np.uint8] | None = None


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
        parts = self.transform.transforms if self.transform else []
        self.warps = any(isinstance(part, A.Affine) for part in parts)
        self.generator = np.random.Generator(np.random.Philox(0))
        self.python = random.Random()
        if self.transform is not None:
            self.transform.set_random_state(self.generator, self.python)
        self._fresh = np.random.Philox(0).state

    def __call__(self, image: NDArray[np.uint8], key: tuple[int, int, int]) -> NDArray[np.uint8]:
        """Augment [H, W, C] with the randomness of (epoch, position, stream-and-view)."""
        if self.transform is None:
            return image
        self._start(key)
        augmented: NDArray[np.uint8] = self.transform(image=image)["image"]
        return augmented

    def draw(self, shape: tuple[int, ...], key: tuple[int, int, int]) -> Drawn:
        """What a call with an image of ``shape`` [H, W, C] draws, which is left to others to do."""
        drawn = Drawn()
        if self.transform is None:
            return drawn
        self._start(key)
        self.python.random()  # whether to apply any of it
        for part in self.transform.transforms:
            if not part.should_apply():
                continue
            params: dict[str, Any] = {**part.get_params(), "shape": shape}
            params |= part.get_params_dependent_on_data(params, {"image": LEVELS})
            if isinstance(part, A.D4):
                drawn = drawn._replace(symmetry=SYMMETRIES[params["group_element"]])
            elif isinstance(part, A.Affine):
                drawn = drawn._replace(warp=_inverse(params["matrix"]))
            elif isinstance(part, A.RandomBrightnessContrast):
                light = part.apply(LEVELS, **params).reshape(256)
                drawn = drawn._replace(light=light)
            else:
                mirrored = isinstance(part, A.HorizontalFlip)
                _, rows, columns = drawn.symmetry
                symmetry = (False, rows or not mirrored, columns or mirrored)
                drawn = drawn._replace(symmetry=symmetry)
        return drawn

    def _start(self, key: tuple[int, int, int]) -> None:
        """Draw from here on what belongs to a key."""
        state: Any = dict(self._fresh)
        state["state"] = {
            "counter": np.array([0, 0, 0, 0], np.uint64),
            "key": np.array([self.seed * 64 + key[2], (key[0] << 32) + key[1]], np.uint64),
        }
        self.generator.bit_generator.state = state
        self.python.seed(int(self.generator.integers(1 << 62)))


def _inverse(matrix: NDArray[np.float64]) -> tuple[float, ...]:
    """Where each place of the result comes from, as OpenCV inverts the matrix [3, 3]."""
    (a, b, c), (d, e, f) = matrix[:2].tolist()
    scale = 1 / (a * e - b * d)
    a, b, d, e = e * scale, b * -scale, d * -scale, a * scale
    return a, b, -a * c - b * f, d, e, -d * c - e * f
