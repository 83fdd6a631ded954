"""Augmentation: the only module that imports albumentations."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

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


JITTER, SMALLEST = 0.4, 0.08
FILL = (124, 116, 104)  # ImageNet's mean


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within, what Python and NumPy draw for all follows from ``seed``; outside it goes on."""
    before = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


class RandAugment(A.ImageOnlyTransform):  # type: ignore[misc]  # albumentations has no types
    """Two operations of magnitude 10, by timm (Cubuk et al. 2020).

    Args:
        size: (height, width) of the images.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        from timm.data.auto_augment import rand_augment_transform

        super().__init__(p=1.0)
        told: dict[str, Any] = {"translate_const": int(0.45 * min(size)), "img_mean": FILL}
        self.operations = rand_augment_transform("rand-n2-m10-mstd0.5", told)

    def get_params(self) -> dict[str, Any]:
        """The seed of what timm draws."""
        return {"draw": self.py_random.getrandbits(32)}

    def apply(self, img: NDArray[np.uint8], draw: int, **params: Any) -> NDArray[np.uint8]:  # noqa: ANN401
        """An image [H, W, C] -> the same shape; a single channel goes as three that are equal."""
        whole = img if img.shape[2] == 3 else img[:, :, :1].repeat(3, 2)
        with seeded(draw):
            changed = np.asarray(self.operations(Image.fromarray(whole)))
        return changed if img.shape[2] == 3 else changed[:, :, :1]


class Grey(A.ToGray):  # type: ignore[misc]
    """A fifth of the images turn grey; those that are stay, without a warning."""

    def __init__(self) -> None:
        super().__init__(p=0.2)

    def apply(self, img: NDArray[np.uint8], **params: Any) -> NDArray[np.uint8]:  # noqa: ANN401
        """An image [H, W, C] -> the same shape."""
        turned: NDArray[np.uint8] = super().apply(img, **params) if img.shape[2] == 3 else img
        return turned


def randcls_sim(size: tuple[int, int]) -> tuple[A.Compose, A.Compose]:
    """PaCo's augmentation of the first view, and that of the second (its code's ``randcls_sim``).

    Cui et al., ICCV 2021; as far as it is known without its code: the query is enlarged, mirrored,
    jittered and goes through RandAugment, the key is enlarged, jittered, turned grey, blurred and
    mirrored. They change colour, which in skin and fundus images is diagnostic.

    Args:
        size: (height, width) of the images.
    """

    def enlarged() -> A.RandomResizedCrop:
        return A.RandomResizedCrop(size=size, scale=(SMALLEST, 1.0), p=1.0)

    def jitter() -> A.ColorJitter:
        reach = (1 - JITTER, 1 + JITTER)
        return A.ColorJitter(brightness=reach, contrast=reach, saturation=reach, hue=(0, 0), p=1.0)

    mirror = A.HorizontalFlip(p=0.5)
    blur = A.GaussianBlur(sigma_limit=(0.1, 2.0), blur_limit=0, p=0.5)
    first = A.Compose([enlarged(), mirror, jitter(), RandAugment(size)])
    return first, A.Compose([enlarged(), jitter(), Grey(), blur, mirror])


def compose(
    name: Augmentation, size: tuple[int, int] = (28, 28), view: int = 0
) -> A.Compose | None:
    """The augmentation called ``name`` of images of a size, of one view; None for ``none``.

    ``mirror``: left and right exchanged, or not. ``symmetries``: one of the eight symmetries of the
    square (of the four of the rectangle, where images are not square). ``standard``: these, a small
    shift, scale and rotation, and a small change of brightness and contrast. ``contrastive``, for
    views: the symmetries, a part of the image enlarged, and a large change of brightness and
    contrast. Hue stays, and none turns grey: colour is diagnostic in skin and fundus images.
    ``randcls_sim``: PaCo's two, of the first view and of the second, see ``randcls_sim``.

    Raises:
        MedtailError: there is no such augmentation.
    """
    if augmentation(name) == "none":
        return None
    if name == "randcls_sim":
        return randcls_sim(size)[view % 2]
    if name == "mirror":
        return A.Compose([A.HorizontalFlip(p=0.5)])
    square = size[0] == size[1]
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

    def __init__(self, name: Augmentation, seed: int, size: tuple[int, int] = (28, 28)) -> None:
        self.transform, self.seed = compose(name, size), seed
        # Two views of one kind share a transform.
        self.odd = compose(name, size, 1) if name == "randcls_sim" else self.transform
        parts = self.transform.transforms if self.transform else []
        self.warps = any(isinstance(part, A.Affine) for part in parts)
        self.drawable = name != "randcls_sim"  # whether ``draw`` says all that a call does
        self.generator = np.random.Generator(np.random.Philox(0))
        self.python = random.Random()
        for transform in (self.transform, self.odd):
            if transform is not None:
                transform.set_random_state(self.generator, self.python)
        self._fresh = np.random.Philox(0).state

    def __call__(self, image: NDArray[np.uint8], key: tuple[int, int, int]) -> NDArray[np.uint8]:
        """Augment [H, W, C] with the randomness of (epoch, position, stream-and-view)."""
        transform = self.odd if key[2] % 2 else self.transform
        if transform is None:
            return image
        self._start(key)
        augmented: NDArray[np.uint8] = transform(image=image)["image"]
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
