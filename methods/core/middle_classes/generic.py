"""Middle classes without knowledge of a disease: mirror, bank, focus (our reconstruction).

Signatures as in ``middle_classes_dermoscopy``.
"""

import torch
from torch import Tensor

from .drawing import Rng, blurred, coverage, drawn_places, patch, sample, shaken, uniform

FOCI = 4  # at most


def _pasted(image: Tensor, donor: Tensor, strength: Tensor | float, rng: Rng) -> Tensor:
    moved = sample(donor, *shaken(image, rng, size=0.02))
    weight = strength * patch(image, (0.10, 0.30), rng)
    return (image + weight * (moved - image)).clamp(0, 1)


def mirror_composite(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """A feathered part is from the image's mirror: left and right do not fit any more."""
    return _pasted(image, image if identity else image.flip(-1), 1.0, rng)


def bank_composite(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """A feathered part is mixed with another given image, half and half (0.3 to 0.7) or wholly."""
    shape = (len(image), 1, 1, 1)
    mixed = uniform(0.3, 0.7, shape, image, rng)
    wholly = torch.rand(shape, generator=rng, device=image.device) < 0.5
    return _pasted(image, image if identity else bank, torch.where(wholly, 1.0, mixed), rng)


def lesion_prior(image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
    """One to four smooth foci, 4 to 12 % of the image wide, brighter or darker by 0.15 to 0.4.

    The control has its own content under the same foci, blurred.
    """
    batch, size = len(image), min(image.shape[-2:])
    x, y = drawn_places(torch.ones_like(image[:, :1]), FOCI, rng)
    radius = size * uniform(0.04, 0.12, x.shape, image, rng)
    amount = torch.randint(1, FOCI + 1, (batch, 1), generator=rng, device=image.device)
    weight = (torch.arange(FOCI, device=image.device) < amount).float()
    sign = torch.rand((batch, 1, 1, 1), generator=rng, device=image.device) < 0.5
    contrast = uniform(0.15, 0.4, (batch, 1, 1, 1), image, rng) * torch.where(sign, 1.0, -1.0)
    light = coverage(image, x, y, radius, weight)
    if identity:
        return image.lerp(blurred(image, 1), light)
    return (image + contrast * light).clamp(0, 1)
