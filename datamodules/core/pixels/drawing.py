"""Draws a skin lesion from numbers between 0 and 1, at any size.

Everything stands in the lesion's own coordinates (its mean radius is 1), which a view places in the
picture. Fields of plane waves and sums of round spots separate into a function of x times one of y
under any rotation, so that each is one matrix product. Layers absorb light (Beer-Lambert): the
picture is skin * exp(-sum of coverage * absorbance), plausible for any lesion on any skin.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .cache import Pixels

DRAWING_VERSION = 1  # raise it with every change of a pixel: caches are made anew
Floats = NDArray[np.float32]

ANGLES = 512  # entries of a table over the angle, a power of two
WAVES = 12  # plane waves of a field
SUPERSAMPLED = 64  # smaller pictures are drawn at twice the size: fine structures would alias


# What a lesion is like: name -> number between 0 (none, little) and 1 (all, much). Names: size,
# softness, asymmetry, raggedness; atypia (of the network); and those of COLOURS, DOTS and below.
Traits = dict[str, float]
COLOURS = ("tan", "brown", "dark", "blue", "red", "white")
DOTS = ("globules", "nests", "lacunes", "cysts")

# Absorbance of (red, green, blue) light at full coverage; below 0 it is brighter than skin.
PIGMENTS = ((0.10, 0.26, 0.38), (0.42, 0.78, 0.98), (1.15, 1.60, 1.65), (0.72, 0.62, 0.44),
            (0.12, 0.72, 0.62), (-0.06, -0.12, -0.10))  # fmt: skip
SPOTS = ((0.60, 0.85, 0.90), (0.70, 0.62, 0.38), (0.40, 1.10, 0.90), (-0.30, -0.50, -0.55))
NETWORK, STREAKS, VESSELS = (0.28, 0.46, 0.52), (0.80, 1.05, 1.10), (0.15, 0.75, 0.65)
VEIL, SCAR, SCALES = (0.25, 0.02, -0.35), (-0.36, -0.52, -0.60), (-0.25, -0.36, -0.30)
BLOTCH, GRAIN = (0.02, 0.06, 0.05), (0.008, 0.012, 0.012)
SHADE, HAIR = (1.0, 1.0, 1.0), (1.3, 1.5, 1.55)
ABSORBANCE = np.array(
    [*PIGMENTS, *SPOTS, NETWORK, STREAKS, VESSELS, VEIL, SCAR, SCALES, BLOTCH, GRAIN, SHADE, HAIR],
    np.float32,
).T.copy()


class Lesion(NamedTuple):
    """What all views of a lesion share."""

    traits: Traits
    radius: float
    skin: Floats  # [3]
    contour: Floats  # [ANGLES]
    streaks: Floats  # [ANGLES]
    slant: Floats  # [6, 2] how each colour changes across the lesion
    waves: Floats  # [F, WAVES, 2] wave vectors; the last field is the network
    phases: Floats  # [F, WAVES]
    spots: Floats  # [4, n, 4] x, y, size, weight
    vessels: Floats  # [V, 4] x, y, size, weight


class View(NamedTuple):
    """Where a picture sees a lesion: x = centre + scale * rotation @ u."""

    x: Floats  # [W]
    y: Floats  # [H]
    pixel: float  # its side
    centre: Floats  # [2]
    scale: float
    rotation: Floats  # [2, 2]


def make_view(rng: Generator, radius: float, size: tuple[int, int]) -> View:
    """A view in a picture of (height, width), whose shorter side goes from -1 to 1."""
    pixel = 2 / min(size)
    y, x = ((np.arange(n, dtype=np.float32) + 0.5 - n / 2) * pixel for n in size)
    turn = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], np.float32)
    centre = np.clip(rng.normal(0, 0.10, 2), -0.3, 0.3).astype(np.float32)
    return View(x, y, pixel, centre, radius * float(rng.uniform(0.85, 1.2)), rotation)


def fields(lesion: Lesion, view: View) -> Floats:
    """Random fields of variance about 1, [F, H, W]; waves shorter than a pixel fade."""
    wave = lesion.waves @ view.rotation.T / view.scale  # [F, WAVES, 2]
    fade = np.sqrt(2 / WAVES) * np.exp(-np.square(wave).sum(-1) * (view.pixel**2 / 24))
    across = wave[..., :1] * (view.x - view.centre[0]) + lesion.phases[..., None]  # [F, WAVES, W]
    down = wave[..., 1:] * (view.y - view.centre[1])
    left = np.concatenate([np.cos(down), -np.sin(down)], 1) * np.tile(fade, 2)[..., None]
    right = np.concatenate([np.cos(across), np.sin(across)], 1)
    product: Floats = left.transpose(0, 2, 1) @ right
    return product


def spot_sum(spots: Floats, view: View) -> Floats:
    """Sum of round Gaussian spots [..., n, 4] (x, y, size, weight) -> [..., H, W]."""
    place = spots[..., :2] @ view.rotation.T * view.scale + view.centre
    size = np.square(spots[..., 2] * view.scale)
    wide = size + view.pixel**2 / 12
    fall = (-0.5 / wide)[..., None]
    across = np.exp(np.square(view.x - place[..., :1]) * fall)
    down = np.exp(np.square(view.y - place[..., 1:]) * fall)
    down *= (spots[..., 3] * size / wide)[..., None]
    total: Floats = np.swapaxes(down, -1, -2) @ across
    return total


def _hairs(rng: Generator, view: View) -> Floats:
    """Coverage by hairs [H, W]: mostly none, else a few parabolas."""
    cover = np.zeros((len(view.y), len(view.x)), np.float32)
    for _ in range(int(rng.integers(1, 7)) if rng.random() < 0.3 else 0):
        low, high = (0, -0.4, -0.9, 0.2, 0.006), (2 * np.pi, 0.4, 0.9, 1.5, 0.011)
        turn, bend, off, end, width = rng.uniform(low, high).tolist()
        cos, sin = math.cos(turn), math.sin(turn)
        along = cos * view.x + sin * view.y[:, None]
        away = cos * view.y[:, None] - sin * view.x - off - bend * np.square(along)
        wide = width**2 + view.pixel**2 / 12
        hair = np.exp(np.square(away) * (-0.5 / wide)) * (width / math.sqrt(wide))
        cover = np.maximum(cover, hair * (along < end))
    return cover


def _mosaic(lesion: Lesion, share: Floats, view: View, rho: Floats) -> Floats:
    """Share of each colour [6, H, W], summing to 1: a softmax of smooth fields, in place."""
    share *= np.float32(0.5 + 1.3 * lesion.traits["asymmetry"])
    share += 5 * np.array([lesion.traits[c] for c in COLOURS], np.float32)[:, None, None]
    slant = lesion.slant @ view.rotation.T / view.scale
    share += slant[:, :1, None] * (view.x - view.centre[0])
    share += slant[:, 1:, None] * (view.y - view.centre[1])[:, None]
    share[0] += 1.5 * (rho - 0.7)  # lesions fade towards the rim
    share[2] -= 1.5 * (rho - 0.3)
    np.clip(share, -30, 30, out=share)  # far from the lesion, in a long picture
    np.exp(share, out=share)
    share /= share.sum(0)
    return share


def _structures(lesion: Lesion, view: View, field: Floats, rho: Floats, streak: Floats) -> Floats:
    """Coverage by spots, network, streaks, vessels, veil, scar and scales, [10, H, W]."""
    traits = lesion.traits
    scar = traits["scar"] * np.exp(-1.8 * np.square(rho + 0.1 * field[8]))
    net = np.exp(-3 * np.square(field[11])) * min(1.4 * traits["network"], 1) * (1 - scar)
    layers = np.empty((10, *rho.shape), np.float32)
    layers[:4] = np.minimum(1.5 * spot_sum(lesion.spots, view), 1)
    layers[4] = net * np.clip(1.3 + 0.5 * field[7] - 0.3 * rho, 0, 1.2)
    layers[5] = streak * np.exp(-np.square((rho - 0.98) / 0.16)) * traits["streaks"]
    layers[6] = np.minimum(spot_sum(lesion.vessels, view), 1)
    layers[6] *= min(max(1.6 * traits["vessels"] - 0.2, 0), 1)
    layers[7] = traits["veil"] * np.clip(0.4 + field[7], 0, 1)
    layers[8] = scar
    layers[9] = traits["scales"] * np.clip(field[8] - 0.3, 0, 1)
    return layers


def _layers(lesion: Lesion, view: View, rng: Generator) -> Floats:
    """Coverage by each row of ``ABSORBANCE``, [20, H, W]."""
    traits, field = lesion.traits, fields(lesion, view)
    dx, dy = (view.x - view.centre[0]) / view.scale, (view.y - view.centre[1])[:, None] / view.scale
    u = view.rotation[0, 0] * dx + view.rotation[1, 0] * dy
    v = view.rotation[0, 1] * dx + view.rotation[1, 1] * dy
    place = ((np.arctan2(v, u) / (2 * np.pi) + 0.5) * ANGLES).astype(np.int32) & (ANGLES - 1)
    rho = np.sqrt(u * u + v * v) / lesion.contour[place]
    rho += (0.02 + 0.10 * traits["raggedness"]) * field[6]
    soft = math.hypot(0.02 + 0.22 * traits["softness"], view.pixel / view.scale)
    layers = np.empty((20, *rho.shape), np.float32)
    layers[:6] = _mosaic(lesion, field[:6], view, rho)
    layers[6:16] = _structures(lesion, view, field, rho, lesion.streaks[place])
    mask = 0.5 + 0.5 * np.tanh((1 - rho) / soft)
    layers[:16] *= mask
    layers[16:18] = field[9:11]
    tilt = rng.normal(0, 0.06, 2).tolist()
    far = np.square(view.x) + np.square(view.y)[:, None]
    layers[18] = 0.13 * far + tilt[0] * view.x + tilt[1] * view.y[:, None]
    if rng.random() < 0.08:  # the dermatoscope's frame
        layers[18] += 2 * np.clip((far - rng.uniform(1.2, 1.6)) * 12, 0, 1)
    layers[19] = _hairs(rng, view)
    return layers


def draw(lesion: Lesion, rng: Generator, size: tuple[int, int]) -> Pixels:
    """One view of ``lesion``, drawn from ``rng``: [H, W, 3] uint8 of ``size`` (height, width)."""
    height, width = size
    finer = 2 if min(size) < SUPERSAMPLED else 1
    view = make_view(rng, lesion.radius, (height * finer, width * finer))
    light = (rng.normal(0, 0.06) + rng.normal(0, 0.02, 3)).astype(np.float32)
    noise = np.float32(rng.uniform(1.5, 5))
    layers = _layers(lesion, view, rng)
    density = ABSORBANCE @ layers.reshape(len(layers), -1) + light[:, None]
    picture = np.exp(-density) * (255 * lesion.skin[:, None])
    if finer > 1:
        rows = picture.reshape(3, height, 2, 2 * width).sum(2)
        picture = (rows[..., ::2] + rows[..., 1::2]).reshape(3, -1) / 4
    picture += rng.standard_normal(picture.shape, np.float32) * noise
    drawn: Pixels = np.clip(picture, 0, 255).astype(np.uint8)
    return drawn.reshape(3, height, width).transpose(1, 2, 0)
