"""Middle classes that know nothing of medicine: pasted patches, turns, noise. Controls of a claim.

That knowledge makes better middle classes than these is what knowledge-guided one-class
classification says; so they stand beside it. Patches and scars are CutPaste's (Li et al., CVPR
2021; values of an unofficial code, Runinho/pytorch-cutpaste), turns RotNet's (Gidaris et al., ICLR
2018). Signatures of the middle classes as in ``dermoscopy``.
"""

import math

import torch
from torch import Tensor

from medtail.datamodules.core.errors import MedtailError

from .drawing import Rng, places, sample, uniform

SIZE = 256


def _pasted(
    image: Tensor, width: Tensor, height: Tensor, turn: Tensor, rng: Rng, in_place: bool
) -> Tensor:
    """A rectangle [B, 1, 1] wide and high from anywhere, turned, and pasted anywhere else.

    In place, it is pasted where it was, as it was, but for its light.
    """
    batch, (rows, columns) = len(image), image.shape[-2:]
    reach_x = (width * turn.cos() + height * turn.sin().abs()) / 2
    reach_y = (height * turn.cos() + width * turn.sin().abs()) / 2
    centre = []
    for half_x, half_y in ((width / 2, height / 2), (reach_x, reach_y)):
        for half, size in ((half_x, columns), (half_y, rows)):
            free = (size - 2 * half).clamp(min=0)
            centre.append(half - 0.5 + free * uniform(0, 1, (batch, 1, 1), image, rng))
    from_x, from_y, to_x, to_y = centre
    x, y = places(image)
    dx, dy = x - to_x, y - to_y
    u, v = dx * turn.cos() + dy * turn.sin(), dy * turn.cos() - dx * turn.sin()
    inside = (u.abs() <= width / 2) & (v.abs() <= height / 2)
    jitter = uniform(0.9, 1.1, (batch, image.shape[1], 1, 1), image, rng)
    source = (x.expand_as(u), y.expand_as(v)) if in_place else (from_x + u, from_y + v)
    content = (jitter * sample(image, *source)).clamp(0, 1)
    return torch.where(inside[:, None], content, image)


def cut_patch(image: Tensor, rng: Rng = None, in_place: bool = False) -> Tensor:
    """A rectangle of each image [B, C, H, W] in [0, 1], pasted elsewhere."""
    shape, (rows, columns) = (len(image), 1, 1), image.shape[-2:]
    area = uniform(0.02, 0.15, shape, image, rng) * rows * columns
    aspect = torch.exp(uniform(math.log(0.3), math.log(3.3), shape, image, rng))
    width = (area * aspect).sqrt().clamp(1, columns)
    height = (area / width).clamp(1, rows)
    return _pasted(image, width, height, torch.zeros_like(width), rng, in_place)


def cut_scar(image: Tensor, rng: Rng = None, in_place: bool = False) -> Tensor:
    """A thin rectangle of each image [B, C, H, W] in [0, 1], turned and pasted elsewhere."""
    shape, scale = (len(image), 1, 1), min(image.shape[-2:]) / SIZE
    width = (scale * uniform(2, 16, shape, image, rng)).clamp(min=1)
    height = (scale * uniform(10, 25, shape, image, rng)).clamp(min=3)
    turn = uniform(-math.pi / 4, math.pi / 4, shape, image, rng)
    return _pasted(image, width, height, turn, rng, in_place)


def pasted_patch(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """CutPaste's patch; the control's lies where it was, in other light."""
    return cut_patch(image, rng, in_place=identity)


def pasted_scar(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """CutPaste's scar; the control's lies where it was, in other light."""
    return cut_scar(image, rng, in_place=identity)


def _turned(image: Tensor, quarters: int, identity: bool) -> Tensor:
    if image.shape[-1] != image.shape[-2]:
        raise MedtailError(
            f"middle classes by turns need square images, not {image.shape[-2]} x {image.shape[-1]}"
        )
    return image.clone() if identity else torch.rot90(image, quarters, (2, 3))


def quarter_turn(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """The image turned by 90 degrees; a turn leaves no seam, so the control is the image."""
    return _turned(image, 1, identity)


def half_turn(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """The image turned by 180 degrees."""
    return _turned(image, 2, identity)


def three_quarter_turn(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """The image turned by 270 degrees."""
    return _turned(image, 3, identity)


def noise(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """Gaussian noise of a deviation of 0.05 to 0.2; the control is the image."""
    if identity:
        return image.clone()
    grain = torch.randn(image.shape, generator=rng, device=image.device)
    return (image + uniform(0.05, 0.2, (len(image), 1, 1, 1), image, rng) * grain).clamp(0, 1)
