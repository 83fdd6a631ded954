"""Autoencoder: given images are learnt by heart, what cannot be rebuilt is abnormal.

Paper: folklore; a baseline in Ruff et al., "Deep one-class classification", ICML 2018, section 4.
Equations: L = mean over images and pixels of (x' - x)^2 of normalised images; score: the mean
    squared error of the image.
Deviations: the encoder is the suite's backbone, so that the row is about the loss and not about
    the network; 64 dimensions between; the decoder has three blocks of nearest-neighbour
    enlargement, 3x3 convolution, BatchNorm and ReLU.
Status: faithful.
"""

import math
from typing import Unpack

from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import DataSpec

from .core.base import Common
from .core.gathering import gathered
from .core.one_class.base import OneClass
from .core.precision import exact

DIM, WIDTHS = 64, (64, 32, 16)


class _Decoder(nn.Module):
    """[B, DIM] -> [B, C, H, W].

    Args:
        channels: C.
        size: (H, W).
    """

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        scale = 2 ** len(WIDTHS)
        self.size = size
        self.start = (WIDTHS[0], math.ceil(size[0] / scale), math.ceil(size[1] / scale))
        self.first = nn.Linear(DIM, math.prod(self.start))
        self.blocks = nn.Sequential()
        for before, after in zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False):
            conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
            self.blocks.extend(
                [nn.Upsample(scale_factor=2), conv, nn.BatchNorm2d(after), nn.ReLU()]
            )
        self.last = nn.Conv2d(WIDTHS[-1], channels, 3, padding=1)

    def forward(self, code: Tensor) -> Tensor:
        """Enlarge, then cut to the size."""
        image: Tensor = self.last(self.blocks(self.first(code).view(-1, *self.start)))
        return image[..., : self.size[0], : self.size[1]]


def reconstruction_error(rebuilt: Tensor, image: Tensor) -> Tensor:
    """Mean squared error of each image, [B] float32 from [B, C, H, W]."""
    return (exact(rebuilt) - exact(image)).square().mean((1, 2, 3))


class Autoencoder(OneClass):
    """The backbone and a small decoder; the reconstruction error.

    Args:
        spec: the data.
        common: see ``Method``.
    """

    paper = "reconstruction error"

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.code = nn.Linear(self.num_features, DIM)
        self.decoder = _Decoder(spec.in_channels, spec.image_size)

    def given_loss(self, image: Tensor) -> Tensor:
        """Mean reconstruction error."""
        return gathered(self.abnormality(image)).mean()

    def abnormality(self, image: Tensor) -> Tensor:
        """Reconstruction error of each image."""
        rebuilt = self.decoder(F.relu(self.code(self.features(image))))
        return reconstruction_error(rebuilt, image)
