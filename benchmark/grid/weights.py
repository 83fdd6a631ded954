"""What networks start from, and how the images are normalised for it."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from medtail.datamodules.core.arguments import wrong_constants
from medtail.datamodules.core.contract import MEAN, STD, Constants, Normalisation
from medtail.methods.core.pretrained.finding import find
from medtail.methods.core.pretrained.source import Source

from .frozen import Frozen

Wanted = Literal["weights", Normalisation]


class Channels(Frozen):
    """Constants that images are normalised with, of pixels from 0 to 1.

    Attributes:
        mean: of each channel, or one number for all.
        std: standard deviations, as many.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @field_validator("mean", "std", mode="before")
    @classmethod
    def _listed(cls, numbers: object) -> object:
        return [numbers] if isinstance(numbers, int | float) else numbers

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if wrong := wrong_constants(self.mean, self.std):
            raise ValueError(wrong)
        return self


class Weights(Frozen):
    """Pretrained weights that every method of a table starts from.

    The SHA-256 alone is in a cell's identity: a file that was moved or renamed is the same.

    Attributes:
        kind: ``timm``, ``file``, ``local-dir``, ``hf-hub`` or ``package``.
        name: without folders.
        sha256: of the file of tensors.
        place: where it lies on this machine; in no identity, record or page.
    """

    kind: str
    name: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    place: str = Field("", exclude=True)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def source(self) -> Source:
        """The same, as methods take it."""
        return Source(self.kind, self.name, self.sha256, self.place)


# Not in an identity, nor in what a table is told apart by.
NAMES = {"weights": {"kind", "name", "place"}, "features": {"place"}}


def resolved(
    text: str, wanted: Wanted | Channels, backbone: str, channels: int
) -> tuple[Weights | None, Normalisation | Channels]:
    """What a suite writes as ``weights`` and ``normalisation``, as terms.

    Args:
        text: of the weights, see ``finding.find``.
        wanted: normalisation; ``weights`` becomes that of the weights, without any ImageNet's.
        backbone: of the table.
        channels: of its images.

    Raises:
        MedtailError: there are no such weights, or they cannot be had here.
    """
    found = find(text, backbone)
    if found is None:
        return None, "imagenet" if wanted == "weights" else wanted
    source = found.source
    made = Weights(kind=source.kind, name=source.name, sha256=source.sha256, place=source.place)
    return made, _named(found.constants, channels) if wanted == "weights" else wanted


def _named(constants: Constants, channels: int) -> Normalisation | Channels:
    """Constants by the name they have, so that equal numbers are the same cell."""
    mean, std = constants
    if constants == (MEAN, STD):
        return "imagenet"
    if {*mean, *std} == {0.5}:
        return "half"
    if channels != len(mean):  # grey images take the mean, as they do of ImageNet's
        mean, std = ((sum(numbers) / len(numbers),) for numbers in constants)
    return Channels(mean=mean, std=std)
