"""Middle classes by name: images that lie between the given class and the unseen abnormal ones.

A generator is a pure function of (images in [0, 1], another given image for each, generator of
random numbers, whether the identity control is asked for). What it makes has the shape, range and
type of what it gets.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from medtail.datamodules.core.errors import MedtailError, unknown

from .dermoscopy import asymmetry_splice, border_warp, colour_variegation
from .drawing import Rng
from .fundus import cup_enlarge, exudates, fellow_eye_composite, red_dots
from .generic import bank_composite, lesion_prior, mirror_composite
from .perturbations import (
    half_turn,
    noise,
    pasted_patch,
    pasted_scar,
    quarter_turn,
    three_quarter_turn,
)


class MiddleClassGenerator(Protocol):
    """See the module."""

    def __call__(self, image: Tensor, bank: Tensor, rng: Rng, identity: bool = False) -> Tensor:
        """Images [B, C, H, W] -> images of the middle class, or their identity controls."""
        ...


GENERATORS: dict[str, MiddleClassGenerator] = {
    "asymmetry_splice": asymmetry_splice,
    "border_warp": border_warp,
    "colour_variegation": colour_variegation,
    "red_dots": red_dots,
    "exudates": exudates,
    "fellow_eye_composite": fellow_eye_composite,
    "cup_enlarge": cup_enlarge,
    "mirror_composite": mirror_composite,
    "bank_composite": bank_composite,
    "lesion_prior": lesion_prior,
    "pasted_patch": pasted_patch,
    "pasted_scar": pasted_scar,
    "quarter_turn": quarter_turn,
    "half_turn": half_turn,
    "three_quarter_turn": three_quarter_turn,
    "noise": noise,
}
TURNS = frozenset({"quarter_turn", "half_turn", "three_quarter_turn"})
KNOWLEDGE: dict[str, tuple[str, ...]] = {
    "dermoscopy": ("asymmetry_splice", "border_warp", "colour_variegation"),
    "fundus": ("red_dots", "exudates", "fellow_eye_composite"),
    "generic": ("mirror_composite", "bank_composite", "lesion_prior"),
    # Controls, which know nothing of medicine.
    "cutpaste": ("pasted_patch", "pasted_scar"),
    "rotation": ("quarter_turn", "half_turn", "three_quarter_turn"),
    "noise": ("noise",),
    "none": (),
}


def chosen(knowledge: str | Sequence[str], modality: str) -> tuple[str, ...]:
    """Names of generators.

    Args:
        knowledge: ``auto`` for that of the modality (``generic`` where there is none), a name of
            ``KNOWLEDGE``, or names of generators.
        modality: see ``DataSpec``.

    Raises:
        MedtailError: an unknown name, or none at all, or one twice.
    """
    if isinstance(knowledge, str):
        if knowledge == "auto":
            known = modality if modality in ("dermoscopy", "fundus") else "generic"
            return KNOWLEDGE[known]
        if knowledge not in KNOWLEDGE:
            raise unknown("knowledge", knowledge, ["auto", *KNOWLEDGE])
        return KNOWLEDGE[knowledge]
    names = tuple(knowledge)
    for name in names:
        if name not in GENERATORS:
            raise unknown("middle class", str(name), GENERATORS)
    if not names or len(set(names)) < len(names):
        raise MedtailError("knowledge: name at least one middle class, and none twice")
    return names


def partners(image: Tensor, rng: Rng = None) -> Tensor:
    """Another image of the batch for each, by a random shift."""
    if len(image) < 2:
        return image
    shift = torch.randint(1, len(image), (), generator=rng, device=image.device)
    return image.roll(int(shift), 0)


def controls(image: Tensor, names: Sequence[str], rng: Rng = None) -> Tensor:
    """The identity control of a random one of the generators for each image [B, C, H, W]."""
    which = torch.randint(len(names), (len(image),), generator=rng, device=image.device)
    result = image.clone()
    for number, name in enumerate(names):
        rows = which == number
        if rows.any():
            own = image[rows]
            result[rows] = GENERATORS[name](own, own, rng, identity=True)
    return result
