"""PaDiM: a Gaussian of the features at each place of a pretrained network's maps.

Paper: Defard et al., "PaDiM: a patch distribution modeling framework for anomaly detection and
    localization", ICPR workshops 2021, https://arxiv.org/abs/2011.08785; there is no official code
    (xiahaifeng1995/PaDiM-Anomaly-Detection-Localization-master @616004b, anomalib padim/).
Equations: maps of stages 1 to 3, enlarged to the grid of stage 1 and joined; d channels kept at
    random; at each place mu and Sigma = cov + 0.01 I of the given training images; a =
    sqrt((f - mu)^T Sigma^-1 (f - mu)); the map of a, bilinear to the size of the image and smoothed
    by a Gaussian of 4 pixels; score: its maximum.
Deviations: enlarged by nearest neighbours, as odd grids have no whole ratio. It assumes that images
    lie alike, which lesions do not. Scores are not scaled by the test set's. Without pretrained
    weights it is a control, and its row says so. No epoch is chosen: nothing is trained.
Status: faithful.
"""

from collections.abc import Iterable
from typing import Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common
from .core.checks import check_interval
from .core.one_class.base import OneClass
from .core.parts.maps import Smoothed, check_maps, map_shapes, maps_of
from .core.precision import exact, without_autocast

LEVELS, RIDGE = (1, 2, 3), 0.01


def joined(maps: list[Tensor]) -> Tensor:
    """Maps [B, C_k, H_k, W_k] on the grid of the first, side by side: [B, sum C_k, H, W]."""
    size = maps[0].shape[2:]
    return torch.cat([F.interpolate(exact(one), size=size) for one in maps], 1)


class PaDiM(OneClass):
    """A Gaussian for each place.

    Args:
        spec: the data.
        channels: d, of all the maps' at most.
        sigma: of the smoothing, in pixels.
        common: see ``Method``.
    """

    paper = "Defard et al. 2021"
    stages = ()

    def __init__(
        self,
        spec: DataSpec,
        *,
        channels: int = 100,
        sigma: float = 4.0,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[1, inf)", channels=channels)
        check_interval(self, "(0, inf)", sigma=sigma)
        super().__init__(spec, **common)
        check_maps(self, spec, LEVELS)
        shapes = map_shapes(self.backbone, spec, LEVELS)
        drawn = torch.randperm(sum(shape[0] for shape in shapes))[: int(channels)]
        height, width = shapes[0][1:]
        places, d = height * width, len(drawn)
        self.kept: Tensor
        self.mean: Tensor
        self.whitening: Tensor
        self.register_buffer("kept", drawn)
        self.register_buffer("mean", torch.zeros(places, d))
        self.register_buffer("whitening", torch.eye(d).repeat(places, 1, 1))
        self.smoothed = Smoothed(spec.image_size, sigma)
        self.grid = (height, width)

    def patches(self, image: Tensor) -> Tensor:
        """Images [B, C, H, W] -> the kept channels at each place [B, P, d], float32."""
        maps = joined(maps_of(self.backbone, image, LEVELS))
        return maps[:, self.kept].flatten(2).transpose(1, 2)

    def distances(self, image: Tensor) -> Tensor:
        """Mahalanobis distances at each place, [B, P]."""
        centred = self.patches(image) - self.mean
        return torch.einsum("bpd,ped->bpe", centred, self.whitening).square().sum(2).sqrt()

    @without_autocast
    def anomaly_map(self, image: Tensor) -> Tensor:
        """The distances at the size of the image, smoothed."""
        found = self.distances(image).view(-1, 1, *self.grid)
        large = F.interpolate(found, size=self.spec.image_size, mode="bilinear")
        smooth: Tensor = self.smoothed(large[:, 0])
        return smooth

    def abnormality(self, image: Tensor) -> Tensor:
        """The largest smoothed distance of an image."""
        return self.anomaly_map(image).amax((1, 2))

    @torch.no_grad()
    def conclude(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """Mean and covariance at each place, of the given training images, in one pass."""
        self.eval()
        amount, d = 0, len(self.kept)
        total = torch.zeros_like(self.mean, dtype=torch.float64)
        squares = total.new_zeros(len(total), d, d)
        for batch in train:
            given = batch.image[batch.target == 0].to(self.device)
            if len(given):
                patches = self.patches(given).double()
                amount += len(given)
                total += patches.sum(0)
                squares += torch.einsum("bpd,bpe->pde", patches, patches)
        mean = total / amount
        centred = squares - amount * mean[:, :, None] * mean[:, None]
        ridge = RIDGE * torch.eye(d, dtype=torch.float64, device=mean.device)
        lower = torch.linalg.cholesky(centred / max(1, amount - 1) + ridge)
        eye = torch.eye(d).to(lower).expand_as(lower)
        self.mean.copy_(mean)
        self.whitening.copy_(torch.linalg.solve_triangular(lower, eye, upper=False))
