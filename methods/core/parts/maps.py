"""Feature maps of the stages of a backbone, which timm's ``feature_info`` names; smoothing."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError, NeedsImagesError

from ..backbones import unmoved_random_numbers
from ..checks import slug


def stages_of(backbone: nn.Module) -> dict[int, tuple[int, str]]:
    """Level k -> place in ``feature_info`` and name of the stage whose maps have stride 2^(k + 1).

    So level k of a ResNet is ``layer<k>``; levels 1, 2, 3 of EfficientNet-Lite0 are ``blocks.1``,
    ``blocks.2`` and ``blocks.4``. Strides are those before a stem for small images. Empty for what
    has no stages, such as a transformer of one stride.
    """
    known = getattr(backbone, "feature_info", None) or ()
    strides = [one["reduction"] for one in known]
    if not hasattr(backbone, "forward_intermediates") or len(set(strides)) < len(strides):
        return {}
    named = {stride: (place, one["module"]) for place, (stride, one) in enumerate(
        zip(strides, known, strict=True)
    )}  # fmt: skip
    return {k: named[2 ** (k + 1)] for k in range(6) if 2 ** (k + 1) in named}


def check_maps(method: nn.Module, spec: DataSpec, levels: Sequence[int]) -> None:
    """Raise where the backbone of a method has no such maps.

    Raises:
        NeedsImagesError: features stand in for the images.
        MedtailError: no stages that timm knows.
    """
    if spec.features:
        raise NeedsImagesError("it looks at maps of images")
    if not set(levels) <= stages_of(method.get_submodule("backbone")).keys():
        raise MedtailError(
            f"{slug(method)}: needs a backbone whose stages timm knows, for its feature maps: "
            "take a ResNet or an EfficientNet"
        )


def maps_of(backbone: nn.Module, image: Tensor, levels: Sequence[int]) -> list[Tensor]:
    """Images [B, C, H, W] -> the map [B, C_k, H_k, W_k] of each level, rising; no later stage runs.

    Args:
        backbone: see ``check_maps``.
        image: normalised.
        levels: see ``stages_of``.
    """
    places = [stages_of(backbone)[k][0] for k in levels]
    found: list[Tensor] = backbone.forward_intermediates(  # type: ignore[operator]
        image, indices=places, stop_early=True, intermediates_only=True
    )
    return found


@torch.no_grad()
def map_shapes(
    backbone: nn.Module, spec: DataSpec, levels: Sequence[int]
) -> list[tuple[int, int, int]]:
    """(C_k, H_k, W_k) of each level, of one image of zeros; draws no random number."""
    image = torch.zeros(1, spec.in_channels, *spec.image_size)
    training = backbone.training
    with unmoved_random_numbers():
        found = maps_of(backbone.eval(), image, levels)
    backbone.train(training)
    return [(one.shape[1], one.shape[2], one.shape[3]) for one in found]


def smoothing(size: int, sigma: float) -> Tensor:
    """[size, size] matrix of a Gaussian filter, cut at 4 sigma, the border reflected."""
    radius = int(4 * sigma + 0.5)
    steps = torch.arange(-radius, radius + 1)
    weight = torch.exp(-(steps.double() ** 2) / (2 * sigma**2))
    place = (torch.arange(size)[:, None] + steps) % (2 * size)
    place = torch.where(place < size, place, 2 * size - 1 - place)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    matrix.scatter_add_(1, place, (weight / weight.sum()).expand(size, -1).contiguous())
    return matrix.float()


class Smoothed(nn.Module):
    """A Gaussian filter of maps [B, H, W]; it has no state.

    Args:
        size: (H, W).
        sigma: in pixels.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, size: tuple[int, int], sigma: float) -> None:
        super().__init__()
        for name, side in zip(("rows", "columns"), size, strict=True):
            self.register_buffer(name, smoothing(side, sigma), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """[B, H, W] -> the same, smoothed."""
        smooth: Tensor = self.rows @ maps @ self.columns.T
        return smooth
