"""DOC: features that are compact on the given class and descriptive on a reference set.

Paper: Perera and Patel, "Learning deep features for one-class classification", IEEE TIP 28 (2019).
Equations: L = L_D + lambda L_C with lambda 0.1. Compactness: L_C = 1/(n k) sum_i ||z_i||^2, z_i =
    x_i - mean of the other features of the batch, k their dimension. Descriptiveness: L_D =
    cross-entropy on the reference set. Score: distance to the nearest given training feature.
Deviations: the paper's reference set is a large labelled one of other objects (ImageNet's), on
    which its network was pretrained. Here nothing but the data itself may be used, so that drawn
    textures stand in: gratings of 4 directions and 2 wavelengths, 8 classes. They know nothing of
    anatomy, and this row says little of DOC with a real reference set. As many are drawn as a batch
    has images, in one pass, so that BatchNorm's statistics are of both. The paper's text was not at
    hand.
Status: reconstruction.
"""

import math
from collections.abc import Iterable
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec

from .core.base import Common, Stage
from .core.checks import check_interval
from .core.gathering import gathered
from .core.middle_classes.drawing import Rng, places, uniform
from .core.one_class.base import OneClass
from .core.one_class.density import Neighbours, given_features
from .core.precision import exact

DIRECTIONS, WAVELENGTHS = 4, (4.0, 8.0)  # pixels: a network of any stride tells them apart


def compactness_loss(features: Tensor) -> Tensor:
    """1/(n k) sum_i ||x_i - 1/(n-1) sum_{j != i} x_j||^2 of features [n, k]; 0 of a single one."""
    amount = len(features)
    if amount < 2:
        return 0 * features.sum()
    others = (features.sum(0) - features) / (amount - 1)
    return (features - others).square().mean()


def drawn_textures(like: Tensor, rng: Rng = None) -> tuple[Tensor, Tensor]:
    """Gratings in [0, 1] of the shape of images [B, C, H, W], and their classes [B].

    Phase, colours, contrast and noise are random; direction and wavelength are the class.
    """
    batch, channels = like.shape[:2]
    classes = DIRECTIONS * len(WAVELENGTHS)
    target = torch.randint(classes, (batch,), generator=rng, device=like.device)
    angle = math.pi / DIRECTIONS * (target % DIRECTIONS).view(-1, 1, 1)
    wavelength = like.new_tensor(WAVELENGTHS)[target // DIRECTIONS].view(-1, 1, 1)
    x, y = places(like)
    phase = uniform(0, 2 * math.pi, (batch, 1, 1), like, rng)
    wave = torch.cos(2 * math.pi / wavelength * (x * angle.cos() + y * angle.sin()) + phase)
    colour = uniform(0.2, 0.8, (2, batch, channels, 1, 1), like, rng)
    image = colour[0] + 0.5 * (colour[1] - colour[0]) * (1 + wave[:, None])
    noise = torch.randn(image.shape, generator=rng, device=like.device)
    return (image + 0.05 * noise).clamp(0, 1), target


class DOC(OneClass):
    """Compact on given images, descriptive on drawn textures.

    Args:
        spec: the data.
        compactness: lambda.
        common: see ``Method``.
    """

    paper = "Perera & Patel 2019"
    status = "reconstruction"

    def __init__(
        self, spec: DataSpec, *, compactness: float = 0.1, **common: Unpack[Common]
    ) -> None:
        check_interval(self, "[0, inf)", compactness=compactness)
        super().__init__(spec, **common)
        self.compactness = compactness
        self.classifier = nn.Linear(self.num_features, DIRECTIONS * len(WAVELENGTHS))
        self.neighbours = Neighbours(spec.class_counts[0], self.num_features, k=1)

    def request(self, stage: Stage) -> DataRequest:
        """Each image and one of the reference set."""
        return DataRequest(made=1)

    def given_loss(self, image: Tensor) -> Tensor:
        """Cross-entropy on textures and compactness of the given, in one pass of the network."""
        with torch.no_grad():
            textures, target = drawn_textures(image.float())
            both = torch.cat([image, self.normalised(textures).to(image.dtype)])
        features = self.features(both)
        given, reference = exact(features[: len(image)]), features[len(image) :]
        described = F.cross_entropy(gathered(self.score(reference)), gathered(target))
        return described + self.compactness * compactness_loss(gathered(given))

    def abnormality(self, image: Tensor) -> Tensor:
        """Distance to the nearest given feature."""
        squared: Tensor = self.neighbours(self.features(image))
        return squared.sqrt()

    @torch.no_grad()
    def conclude(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """Keep the given training features."""
        self.eval()
        self.neighbours.fit(given_features(self.features, train, self.device))
