"""Middle classes of naevi after the ABCD rule: asymmetry, border, colour (our reconstruction).

Each is ``g(image, bank, rng, identity)``: images [B, C, H, W] in [0, 1] to the same; ``bank`` has
another given image for each; ``identity`` asks for the control: the same operator with the image's
own content.
"""

import math

import torch
from torch import Tensor

from .drawing import (
    Rng,
    blurred,
    coloured,
    coverage,
    drawn_places,
    lesion_mask,
    places,
    sample,
    shaken,
    shape_of,
    tinted,
    uniform,
    within,
)

# Dark brown, blue-grey, white: three of the six colours that the rule counts.
COLOURS = [(0.24, 0.14, 0.10), (0.42, 0.46, 0.56), (0.84, 0.76, 0.75)]


def _skin(image: Tensor, mask: Tensor) -> Tensor:
    """Mean colour of the skin, [B, C, 1, 1]; never black, as it is divided by."""
    skin = (1 - mask) * within(image)
    colour = (skin * image).sum((2, 3), keepdim=True) / skin.sum((2, 3), keepdim=True)
    return colour.clamp(min=0.05)


def asymmetry_splice(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """One half of the lesion, cut along its principal axis, is the warped half of another one.

    The other lesion is moved, turned and half-way scaled onto this one, absorbs this skin's light
    as it does its own skin's, and is seen only where either lesion is. The feather is 5 to 10 % of
    the diameter.
    """
    donor = image if identity else bank
    batch, mask, others = len(image), lesion_mask(image), lesion_mask(donor)
    cx, cy, angle, radius = shape_of(mask)
    ox, oy, other_angle, other_radius = shape_of(others)
    # A principal axis has no direction: the donor is turned by a half at random.
    half = (torch.rand((batch, 1, 1), generator=rng, device=image.device) < 0.5).float()
    turn = other_angle - angle + (0 if identity else math.pi) * half
    scale = (other_radius / radius).sqrt()
    x, y = shaken(image, rng)
    dx, dy = scale * (x - cx), scale * (y - cy)
    moved = sample(
        torch.cat([donor / _skin(donor, others), others], 1),
        ox + dx * turn.cos() - dy * turn.sin(),
        oy + dx * turn.sin() + dy * turn.cos(),
        outside="border",
    )
    content = moved[:, :-1] * _skin(image, mask)
    x, y = places(image)
    side = (y - cy) * angle.cos() - (x - cx) * angle.sin()
    sign = (torch.rand((batch, 1, 1), generator=rng, device=image.device) < 0.5).float() * 2 - 1
    feather = 2 * radius * uniform(0.05, 0.10, (batch, 1, 1), image, rng)
    weight = torch.sigmoid(4.4 * sign * side / feather)[:, None]  # 10 to 90 % over the feather
    seen = blurred(torch.maximum(mask, moved[:, -1:]), min(image.shape[-2:]) / 32)
    seen = (2 * seen).clamp(0, 1)
    return (image + weight * seen * (content - image)).clamp(0, 1)


def border_warp(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """The border is moved in and out by 3 to 8 waves, 10 to 25 % of the radius.

    The control moves it as much by 1 and 2 waves: a shift and an oval, as naevi have them.
    """
    batch, (cx, cy, _, radius) = len(image), shape_of(lesion_mask(image))
    lowest, highest = (1, 2) if identity else (3, 8)
    order = torch.arange(lowest, highest + 1, device=image.device).float().view(1, -1, 1, 1)
    size = torch.randn((batch, len(order[0]), 1, 1), generator=rng, device=image.device)
    phase = uniform(0, 2 * math.pi, size.shape, image, rng)
    x, y = places(image)
    dx, dy = x - cx, y - cy
    around = torch.atan2(dy, dx)[:, None]
    wave = (size * torch.cos(order * around + phase)).sum(1)
    wave = wave / wave.abs().amax((1, 2), keepdim=True).clamp(min=1e-6)
    amplitude = uniform(0.10, 0.25, (batch, 1, 1), image, rng)
    distance = torch.hypot(dx, dy)
    near = torch.exp(-0.5 * ((distance - radius) / (0.5 * radius)).square())
    stretch = 1 + amplitude * wave * near * radius / distance.clamp(min=1)
    return sample(image, cx + dx * stretch, cy + dy * stretch).clamp(0, 1)


def colour_variegation(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """Two to four blobs of the lesion turn dark brown, blue-grey or white.

    The control's blobs have the lesion's own colour around them.
    """
    batch, mask = len(image), lesion_mask(image)
    radius = shape_of(mask)[3][:, 0]
    result, base = image, blurred(image, float(radius.mean()) / 3)
    amount = torch.randint(2, 5, (batch, 1), generator=rng, device=image.device)
    x, y = drawn_places((mask > 0.5) * mask, 4, rng)
    size = radius * uniform(0.2, 0.45, (batch, 4), image, rng)
    weight = uniform(0.4, 0.8, (batch, 4), image, rng)
    weight = weight * (torch.arange(4, device=image.device) < amount)
    for n in range(4):
        one = slice(n, n + 1)
        index = torch.randint(len(COLOURS), (batch,), generator=rng, device=image.device)
        colour = base if identity else coloured(image, COLOURS, index)
        spot = coverage(image, x[:, one], y[:, one], size[:, one], weight[:, one])
        result = tinted(result, colour, spot * mask, base)
    return result.clamp(0, 1)
