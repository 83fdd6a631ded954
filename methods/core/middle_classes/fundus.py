"""Middle classes of normal fundus images: signs of diabetic retinopathy (our reconstruction).

Signatures as in ``middle_classes_dermoscopy``. Lengths are those of an image of 512 pixels, scaled,
and never less than what a pixel can show.
"""

import torch
from torch import Tensor

from .drawing import (
    Rng,
    blurred,
    coloured,
    coverage,
    drawn_places,
    patch,
    places,
    sample,
    shaken,
    tinted,
    uniform,
)

SIZE = 512
RED, YELLOW = (0.30, 0.05, 0.04), (0.98, 0.88, 0.50)
DOTS, CLUSTERS, SPECKS = 20, 3, 10  # at most


def field_of_view(image: Tensor) -> Tensor:
    """[B, 1, H, W] 1 where the retina is seen, a margin from the black surround."""
    bright = (image.amax(1, keepdim=True) > 0.1).float()
    return (blurred(bright, min(image.shape[-2:]) / 28) > 0.99).float()


def disc(image: Tensor) -> tuple[Tensor, Tensor]:
    """Column and row [B, 1] of the optic disc: the brightest place, blurred."""
    light = blurred(image.mean(1, keepdim=True), min(image.shape[-2:]) / 16)
    index = (light * field_of_view(image)).flatten(1).argmax(1, keepdim=True)
    return index % image.shape[-1], index // image.shape[-1]


def _away_from_disc(image: Tensor) -> Tensor:
    """[B, 1, H, W] 1 in the field of view, but not on the disc, an eighth of the image wide."""
    (x, y), (dx, dy) = places(image), disc(image)
    distance = torch.hypot(x - dx[:, :, None], y - dy[:, :, None])[:, None]
    return field_of_view(image) * (distance > min(image.shape[-2:]) / 8)


def _fewer(most: int, fewest: int, image: Tensor, rng: Rng) -> Tensor:
    """[B, most] 1 for the first of a random number of spots."""
    amount = torch.randint(fewest, most + 1, (len(image), 1), generator=rng, device=image.device)
    return (torch.arange(most, device=image.device) < amount).float()


def _spots(image: Tensor, colour: Tensor, amount: Tensor, identity: bool) -> Tensor:
    """Spots of a colour; the control's have the colour around them."""
    base = blurred(image, min(image.shape[-2:]) / 64)
    return tinted(image, base if identity else colour, amount, base).clamp(0, 1)


def red_dots(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """3 to 20 dark red dots of 1 to 4 pixels: microaneurysms and small bleedings."""
    x, y = drawn_places(_away_from_disc(image), DOTS, rng)
    radius = min(image.shape[-2:]) / SIZE * uniform(1, 4, x.shape, image, rng)
    weight = uniform(0.5, 0.9, x.shape, image, rng) * _fewer(DOTS, 3, image, rng)
    amount = coverage(image, x, y, radius.clamp(min=0.6), weight)
    first = torch.zeros(len(image), dtype=torch.long, device=image.device)
    return _spots(image, coloured(image, [RED], first), amount, identity)


def exudates(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """1 to 3 clusters of bright yellow specks with sharp edges, near the middle of the image."""
    batch, (height, width) = len(image), image.shape[-2:]
    columns, rows = places(image)
    middle = torch.hypot(columns - (width - 1) / 2, rows - (height - 1) / 2)
    near = _away_from_disc(image) * (middle < 0.3 * min(height, width))
    x, y = drawn_places(near, CLUSTERS, rng)
    spread = torch.randn((2, batch, CLUSTERS, SPECKS), generator=rng, device=image.device)
    spread = 0.04 * min(height, width) * spread
    x, y = (x[..., None] + spread[0]).flatten(1), (y[..., None] + spread[1]).flatten(1)
    radius = min(height, width) / SIZE * uniform(1.5, 5, x.shape, image, rng)
    weight = _fewer(CLUSTERS, 1, image, rng).repeat_interleave(SPECKS, 1)
    weight = weight * uniform(0.7, 1, x.shape, image, rng)
    amount = coverage(image, x, y, radius.clamp(min=0.5), weight, sharp=True)
    first = torch.zeros(batch, dtype=torch.long, device=image.device)
    shown = amount * field_of_view(image)
    return _spots(image, coloured(image, [YELLOW], first), shown, identity)


def cup_enlarge(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """The middle of the optic disc is magnified 1.4 to 2 times, its rim kept: a sign of glaucoma.

    The disc is taken to be an eighth of the image wide. The control's is as much larger as smaller
    in two directions: an oval of the same area.
    """
    (x, y), (dx, dy) = places(image), disc(image)
    across, down = x - dx[:, :, None], y - dy[:, :, None]
    reach = min(image.shape[-2:]) / 16
    inside = (1 - (torch.hypot(across, down) / reach).square()).clamp(min=0).square()
    larger = uniform(1.4, 2.0, (len(image), 1, 1), image, rng)
    shrunk = 1 - (1 - 1 / larger) * inside
    wide, high = (shrunk, 1 / shrunk) if identity else (shrunk, shrunk)
    moved = sample(image, dx[:, :, None] + across * wide, dy[:, :, None] + down * high)
    return torch.where((inside > 0)[:, None], moved, image).clamp(0, 1)


def fellow_eye_composite(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """A feathered part is from another eye, mirrored where its disc lies on the other side.

    The part gets the mean colour of what it covers; both fields of view must show it.
    """
    donor = image
    if not identity:
        sides = [disc(eye)[0] < eye.shape[-1] / 2 for eye in (image, bank)]
        donor = torch.where((sides[0] != sides[1])[:, :, None, None], bank.flip(-1), bank)
    moved = sample(donor, *shaken(image, rng, size=0.02))
    weight = patch(image, (0.08, 0.25), rng) * field_of_view(image) * field_of_view(donor)
    area = weight.sum((2, 3), keepdim=True).clamp(min=1e-6)
    shift = (weight * (image - moved)).sum((2, 3), keepdim=True) / area
    return (image + weight * (moved + shift - image)).clamp(0, 1)
