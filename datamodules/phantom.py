"""Phantom: skin lesions that the project draws itself, from a seed and without any file.

The seven classes bear the names and the proportions of HAM10000's (Tschandl et al., Scientific Data
2018, doi:10.1038/sdata.2018.161) and imitate what dermatologists tell them apart by: asymmetry,
border, colours and structures such as network, globules, streaks, vessels and blue-white veil. They
are phantoms: no patient stands behind an image, and a result on them says nothing about a disease.
They serve to try a method, or the benchmark itself, where no real data is at hand.
Classes overlap on purpose: every lesion stands somewhere between its own class and another one.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .core.arguments import whole_number
from .core.base import ImageDataModule
from .core.errors import DataError
from .core.names import DataName
from .core.pixels.cache import Pixels
from .core.pixels.drawing import ANGLES, DOTS, DRAWING_VERSION, WAVES, Floats, Lesion, Traits, draw
from .core.table import SampleTable

CLASSES = ("mel", "nv", "bcc", "akiec", "bkl", "df", "vasc")
IMAGES = np.array([1113, 6705, 514, 327, 1099, 115, 142])  # HAM10000's, of 10,015
LESIONS = np.array([614, 5403, 327, 228, 727, 73, 98])  # HAM10000's, of 7,470
FEWEST = 15  # images of a class, so that each split has some

# Mean traits of each class, as CLASSES: designed after dermoscopic criteria, not fitted.
KINDS = {
    "size": (0.65, 0.45, 0.50, 0.55, 0.38, 0.42, 0.68),
    "softness": (0.45, 0.45, 0.40, 0.60, 0.15, 0.65, 0.25),
    "asymmetry": (0.65, 0.25, 0.45, 0.45, 0.40, 0.20, 0.30),
    "raggedness": (0.60, 0.25, 0.40, 0.50, 0.35, 0.15, 0.25),
    "tan": (0.40, 0.50, 0.40, 0.50, 0.60, 0.60, 0.10),
    "brown": (0.60, 0.65, 0.20, 0.25, 0.55, 0.40, 0.10),
    "dark": (0.60, 0.30, 0.15, 0.08, 0.25, 0.05, 0.20),
    "blue": (0.38, 0.08, 0.45, 0.05, 0.25, 0.03, 0.40),
    "red": (0.20, 0.10, 0.45, 0.65, 0.10, 0.28, 0.85),
    "white": (0.15, 0.05, 0.30, 0.35, 0.20, 0.25, 0.10),
    "network": (0.45, 0.55, 0.03, 0.10, 0.12, 0.45, 0.00),
    "atypia": (0.85, 0.20, 0.50, 0.60, 0.50, 0.20, 0.50),
    "globules": (0.35, 0.35, 0.05, 0.05, 0.35, 0.08, 0.00),
    "nests": (0.15, 0.03, 0.65, 0.02, 0.05, 0.02, 0.10),
    "lacunes": (0.00, 0.00, 0.05, 0.05, 0.00, 0.00, 0.80),
    "cysts": (0.05, 0.05, 0.10, 0.05, 0.65, 0.08, 0.00),
    "streaks": (0.55, 0.10, 0.02, 0.05, 0.05, 0.05, 0.00),
    "vessels": (0.10, 0.02, 0.70, 0.35, 0.05, 0.08, 0.10),
    "veil": (0.60, 0.05, 0.10, 0.02, 0.08, 0.02, 0.05),
    "scar": (0.05, 0.02, 0.05, 0.05, 0.03, 0.95, 0.02),
    "scales": (0.05, 0.02, 0.15, 0.70, 0.25, 0.05, 0.02),
}
LIKENESS = (1.2, 4.0)  # Beta law of how far a lesion goes from its class towards another one
SPREAD = 0.09  # standard deviation of a trait within a class
ANGLE = np.linspace(-np.pi, np.pi, ANGLES, endpoint=False, dtype=np.float32)
ORDER = np.arange(2, 12, dtype=np.float32)  # Fourier orders of a contour
# Wave numbers of the fields: colours, border, veil, scales, skin, grain, network.
LOWEST = np.array([2, 2, 2, 2, 2, 2, 6, 2, 7, 1, 18, 14], np.float32)
HIGHEST = np.array([6, 6, 6, 6, 6, 6, 14, 4, 14, 3, 36, 20], np.float32)
SPOT_SIZES = np.array([0.075, 0.13, 0.15, 0.06], np.float32)  # as DOTS


def class_counts(count: int) -> NDArray[np.int64]:
    """[K] images of each class: HAM10000's proportions by largest remainder, ``FEWEST`` at least.

    Raises:
        DataError: ``count`` is too small.
    """
    if count < FEWEST * len(CLASSES):
        raise DataError(
            f"phantom: count={count} is too small: take at least {FEWEST * len(CLASSES)}"
        )
    low = np.zeros(len(CLASSES), bool)
    while True:
        share = np.where(low, 0, IMAGES) / IMAGES[~low].sum() * (count - FEWEST * low.sum())
        counts = np.where(low, FEWEST, np.floor(share).astype(np.int64))
        rest = np.argsort(np.floor(share) - share, kind="stable")[: count - counts.sum()]
        counts[rest] += 1
        if (counts >= FEWEST).all():
            return counts
        low |= counts < FEWEST


def views_of(draw_seed: int, target: int, images: int) -> NDArray[np.int64]:
    """[L] views of each lesion of a class of so many images; their mean is HAM10000's."""
    lesions = max(1, round(images * LESIONS[target] / IMAGES[target]))
    again = np.random.default_rng((draw_seed, target)).integers(0, lesions, images - lesions)
    return 1 + np.bincount(again, minlength=lesions)


def _contour(rng: Generator, asymmetry: float, raggedness: float) -> Floats:
    """Fourier radial contour [ANGLES], of geometric mean 1."""
    size = np.where(ORDER < 4, 0.06 + 0.25 * asymmetry, 0.02 + 0.30 * raggedness) / ORDER
    phase = rng.uniform(0, 2 * np.pi, (len(ORDER), 1)).astype(np.float32)
    size *= rng.normal(size=len(ORDER)).astype(np.float32)
    contour: Floats = np.exp(size @ np.cos(ORDER[:, None] * ANGLE + phase))
    return contour


def _streaks(rng: Generator) -> Floats:
    """Streak at each angle, [ANGLES] in 0..1: an irregular comb over part of the rim."""
    a, b, c = rng.uniform(0, 2 * np.pi, 3).tolist()
    comb = np.cos(int(rng.integers(14, 26)) * ANGLE + 1.5 * np.cos(3 * ANGLE + a) + b)
    streaks: Floats = np.maximum(comb, 0) * np.clip(0.3 + np.cos(ANGLE - c), 0, 1)
    return streaks


def _vessels(rng: Generator) -> Floats:
    """A branching vessel as spots along its path: [V, 4] x, y, size, weight."""
    branches, steps, start = 5, 26, rng.uniform(0, 2 * np.pi)
    turns = np.cumsum(rng.normal(0, 0.22, (branches, steps)), 1) + start + np.pi
    turns += rng.normal(0, 0.5)
    turns[1:] += rng.choice([-0.8, 0.8], (branches - 1, 1))
    path = 0.05 * np.cumsum(np.stack([np.cos(turns), np.sin(turns)], -1), 1)
    path[0] += 0.85 * np.array([np.cos(start), np.sin(start)])
    path[1:] += path[0, rng.integers(4, 24, branches - 1), None]
    vessels = np.full((branches, steps, 4), 0.75, np.float32)
    vessels[..., :2] = path
    vessels[..., 2] = 0.026 * np.linspace(1.1, 0.6, steps)
    vessels[0, :, 2] *= 1.5
    return vessels.reshape(-1, 4)


def _spots(rng: Generator, amount: list[float]) -> Floats:
    """Spots of each kind within the lesion: [4, n, 4] x, y, size, weight."""
    shape = (len(amount), 16)
    away, angle = 0.85 * np.sqrt(rng.random(shape)), rng.uniform(0, 2 * np.pi, shape)
    size = SPOT_SIZES[:, None] * rng.uniform(0.6, 1.4, shape)
    weight = np.clip(2.4 * np.array(amount)[:, None] - 2 * rng.random(shape), 0, 1)
    spots = np.stack([away * np.cos(angle), away * np.sin(angle), size, weight], -1)
    return spots.astype(np.float32)


def make_lesion(rng: Generator, traits: Traits) -> Lesion:
    """All that the views of a lesion share, drawn from ``rng``."""
    number = rng.uniform(LOWEST, HIGHEST, (WAVES, len(LOWEST))).T
    direction = rng.uniform(0, 2 * np.pi, number.shape)
    loose = rng.normal(size=(2, WAVES)) * (0.05 + np.array([[0.25], [0.7]]) * traits["atypia"])
    number[-1] = number[-1, 0] * (1 + loose[0])
    direction[-1] = direction[-1, 0] + np.arange(WAVES) * np.pi / 3 + loose[1]
    vectors = number[..., None] * np.stack([np.cos(direction), np.sin(direction)], -1)
    skin = np.array([0.87, 0.69, 0.63]) * (1 + rng.normal(0, 0.06)) + rng.normal(0, 0.025, 3)
    return Lesion(
        traits=traits,
        radius=0.32 + 0.50 * traits["size"],
        skin=skin.astype(np.float32),
        contour=_contour(rng, traits["asymmetry"], traits["raggedness"]),
        streaks=_streaks(rng),
        slant=(rng.normal(size=(6, 2)) * 1.6 * traits["asymmetry"]).astype(np.float32),
        waves=vectors.astype(np.float32),
        phases=rng.uniform(0, 2 * np.pi, number.shape).astype(np.float32),
        spots=_spots(rng, [traits[name] for name in DOTS]),
        vessels=_vessels(rng),
    )


@lru_cache(maxsize=1)
def lesion_of(draw_seed: int, target: int, number: int) -> Lesion:
    """Lesion ``number`` of class ``target``."""
    rng = np.random.default_rng((draw_seed, target, number + 1))
    other = (target + int(rng.integers(1, len(CLASSES)))) % len(CLASSES)
    if rng.random() < 0.5 and CLASSES[target] != "nv":
        other = CLASSES.index("nv")  # half of the others take after a naevus
    means = np.array(list(KINDS.values()))
    mean = means[:, target] + rng.beta(*LIKENESS) * (means[:, other] - means[:, target])
    values = np.clip(mean + SPREAD * rng.normal(size=len(mean)), 0, 1)
    return make_lesion(rng, dict(zip(KINDS, values.tolist(), strict=True)))


def image_of(draw_seed: int, target: int, number: int, view: int, size: tuple[int, int]) -> Pixels:
    """One view, [H, W, 3] uint8 of (height, width); depends on nothing but the arguments."""
    # A trailing 0 would not change the seed of a tuple, hence the ones.
    rng = np.random.default_rng((draw_seed, target, number + 1, view + 1))
    return draw(lesion_of(draw_seed, target, number), rng, size)


def contact_sheet(count_per_class: int, size: int) -> Image.Image:
    """A row of lesions of each class, named at its left; ``size`` is the side of an image."""
    font = ImageFont.load_default(max(10, size // 9))
    margin = int(max(font.getlength(name) for name in Phantom.class_names)) + 12
    sheet = Image.new("RGB", (margin + count_per_class * size, len(CLASSES) * size), "white")
    pen = ImageDraw.Draw(sheet)
    for target, name in enumerate(Phantom.class_names):
        pen.text((6, (target + 0.5) * size), name, "black", font, anchor="lm")
        for number in range(count_per_class):
            picture = Image.fromarray(image_of(0, target, number, 0, (size, size)))
            sheet.paste(picture, (margin + number * size, target * size))
    return sheet


class Phantom(ImageDataModule):
    """Drawn lesions; see the module.

    Args:
        name, image_size: see ``ImageDataModule``.
        count: images; below about 1,300 the rarest classes are lifted above their proportion.
        draw_seed: another seed is another dataset.
        arguments: of ``ImageDataModule``.
    """

    slugs = ("phantom",)
    class_names = tuple(f"phantom_{name}" for name in CLASSES)
    critical = ("phantom_mel", "phantom_bcc", "phantom_akiec")
    modality = "dermoscopy"
    title = "Phantom: drawn skin lesions in HAM10000's proportions"
    licence, permission = "the project's own (Apache-2.0)", "own licence"
    citation = "Proportions: Tschandl et al., Scientific Data 5, 180161, 2018. Drawn by medtail."

    def __init__(
        self,
        name: str | DataName,
        image_size: int | tuple[int, int] = 28,
        *,
        count: int = 3000,
        draw_seed: int = 0,
        **arguments: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(name, image_size, **arguments)
        self.count = whole_number(self.name.source, "count", count)
        self.draw_seed = whole_number(self.name.source, "draw_seed", draw_seed)
        self.place: NDArray[np.int64]  # [N, 3] class, lesion and view of each row

    def load_table(self) -> SampleTable:
        """Class by class, lesion by lesion, view by view."""
        self.place = np.array(
            [
                (target, number, view)
                for target, images in enumerate(class_counts(self.count).tolist())
                for number, views in enumerate(views_of(self.draw_seed, target, images))
                for view in range(views)
            ]
        )
        group = [f"{CLASSES[target]}-{number:05d}" for target, number, _ in self.place]
        return SampleTable(
            id=np.array([f"{g}-{v}" for g, v in zip(group, self.place[:, 2], strict=True)]),
            target=self.place[:, 0].copy(),
            group=np.array(group),
        )

    def read_image(self, row: int) -> Pixels:
        """Drawn."""
        target, number, view = self.place[row].tolist()
        return image_of(self.draw_seed, target, number, view, self.image_size)

    def source_key(self) -> str:
        """See ``Source``."""
        return f"drawing {DRAWING_VERSION}, count {self.count}, seed {self.draw_seed}"
