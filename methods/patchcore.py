"""PatchCore: the distance of patches of a pretrained network's maps to a small bank of given ones.

Paper: Roth et al., "Towards total recall in industrial anomaly detection", CVPR 2022 (arXiv
    2106.08265); the authors' code (amazon-science/patchcore-inspection @fcaa92f).
Equations: stages 2 and 3: the 3x3 neighbourhood of each place, its C * 9 values averaged to d,
    those of stage 3 on the grid of stage 2 (bilinear) before; both joined, averaged to d. Bank:
    greedy k-center over the given patches, share 0.1. Of a patch m, s = min_b ||m - b||; of an
    image the largest s*, at m* with b*, times 1 - exp(s*) / sum_{b in N(b*)} exp ||m* - b||, N(b*)
    the 9 of the bank that are nearest to b*, itself among them. Map: s, bilinear to the size of the
    image and smoothed by a Gaussian of 4 pixels.
Code: it squares the distances and does not weigh them (``neighbours: 1``); the 9 are anomalib's.
Deviations: d = 1024, or the C * 9 of the stage with fewer channels. k-center runs on a random
    linear map to 128 dimensions, as in the code, from the patch that is farthest from the mean. The
    bank is chosen among the patches of 400 given images at most, evenly taken (the paper's data
    have 60 to 391): all of them are in memory at once, and the time grows with their square.
    Without pretrained weights it is a control: no table has it. No epoch is chosen: nothing is
    trained.
Status: faithful.
"""

import math
from collections.abc import Iterable
from typing import ClassVar, Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common
from .core.checks import check_interval
from .core.one_class.base import OneClass
from .core.parts.maps import Smoothed, check_maps, map_shapes, maps_of
from .core.precision import exact, without_autocast
from .coreset import k_center_greedy

LEVELS, SIDE, DIM, SIGMA = (2, 3), 3, 1024, 4.0
PROJECTED = 128  # dimensions that the bank is chosen in; the authors' samplers
BLOCK = 2048  # patches of the bank whose distances are computed at once


def patch_features(maps: list[Tensor], dim: int) -> Tensor:
    """Neighbourhoods of all places of maps [B, C_k, H_k, W_k], on the grid of the first.

    Args:
        maps: of each stage.
        dim: d, of each stage and of what is joined.

    Returns:
        [B, H_1 W_1, d], float32.
    """
    parts = []
    for one in maps:
        amount, channels, *grid = one.shape
        around = F.unfold(exact(one), SIDE, padding=SIDE // 2)
        around = around.view(amount, channels * SIDE**2, *grid)
        large = F.interpolate(around, size=maps[0].shape[2:], mode="bilinear")
        parts.append(F.adaptive_avg_pool1d(large.flatten(2).transpose(1, 2), dim))
    return F.adaptive_avg_pool1d(torch.cat(parts, 2), dim)


def greedy_bank(points: Tensor, amount: int) -> Tensor:
    """Positions [amount] of k-center greedy, the first farthest from the mean of points [N, D].

    That point has the largest row of the matrix of distances, with which the authors begin:
    sum_j ||p_i - p_j||^2 = N ||p_i - mean||^2 + a constant.
    """
    first = (points - points.mean(0)).square().sum(1).argmax().cpu()
    others = torch.arange(len(points))
    others = others[others != first]
    left = points[others.to(points.device)]
    chosen = k_center_greedy(left, points[first : first + 1], amount - 1).long()
    return torch.cat([first[None], others[chosen]])


def reweighted(largest: Tensor, around: Tensor) -> Tensor:
    """s* (1 - exp(s*) / sum_j exp d_j).

    Args:
        largest: s*, [B].
        around: d_j of m* to the neighbours of b*, itself among them, [B, N].
    """
    return largest * -torch.expm1(largest - around.logsumexp(1))


class PatchCore(OneClass):
    """The distance to the nearest patch of a bank.

    Args:
        spec: the data.
        share: of the patches that the bank keeps.
        neighbours: of b* in the bank, itself among them, that weigh the score; 1 for no weight.
        images: given ones whose patches are taken, at most.
        common: see ``Method``.
    """

    paper = "Roth et al. 2022"
    stages = ()
    needs_weights: ClassVar[bool] = True

    def __init__(
        self,
        spec: DataSpec,
        *,
        share: float = 0.1,
        neighbours: int = 9,
        images: int = 400,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(0, 1]", share=share)
        check_interval(self, "[1, inf)", neighbours=neighbours, images=images)
        super().__init__(spec, **common)
        check_maps(self, spec, LEVELS)
        shapes = map_shapes(self.backbone, spec, LEVELS)
        self.share, self.neighbours = share, int(neighbours)
        self.dim = min(DIM, SIDE**2 * min(shape[0] for shape in shapes))
        self.grid = shapes[0][1:]
        given = max(1, spec.class_counts[0])
        self.every = math.ceil(given / images)
        patches = math.ceil(given / self.every) * math.prod(self.grid)
        self.linear: Tensor
        self.bank: Tensor
        self.amount: Tensor
        self.register_buffer("linear", torch.randn(self.dim, PROJECTED))
        self.register_buffer("bank", torch.zeros(max(1, int(share * patches)), self.dim))
        self.register_buffer("amount", torch.tensor(1))
        self.smoothed = Smoothed(spec.image_size, SIGMA)

    def patches(self, image: Tensor) -> Tensor:
        """Images [B, C, H, W] -> patches [B, P, d], float32."""
        return patch_features(maps_of(self.backbone, image, LEVELS), self.dim)

    @property
    def known(self) -> Tensor:
        """The patches of the bank, [M, d]."""
        return self.bank[: int(self.amount)]

    def nearest(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Distance of patches [B, P, d] to the nearest of the bank, and its place: both [B, P]."""
        found = [
            (block.square().sum(1) - 2 * patches @ block.T).min(2)
            for block in torch.split(self.known, BLOCK)
        ]
        which = torch.stack([least for least, _ in found]).argmin(0)
        within = torch.stack([place for _, place in found]).gather(0, which[None])[0]
        place = BLOCK * which + within
        # Differences are exact where products cancel.
        return torch.linalg.vector_norm(patches - self.known[place], dim=2), place

    @without_autocast
    def anomaly_map(self, image: Tensor) -> Tensor:
        """Distances of the patches at the size of the image, smoothed."""
        distance = self.nearest(self.patches(image))[0].view(-1, 1, *self.grid)
        large = F.interpolate(distance, size=self.spec.image_size, mode="bilinear")
        smooth: Tensor = self.smoothed(large[:, 0])
        return smooth

    @without_autocast
    def abnormality(self, image: Tensor) -> Tensor:
        """The largest distance of a patch, weighed."""
        patches = self.patches(image)
        distance, place = self.nearest(patches)
        largest, worst = distance.max(1)
        amount = min(self.neighbours, len(self.known))
        if amount == 1:
            return largest
        row = torch.arange(image.shape[0], device=image.device)
        nearest = self.known[place[row, worst]]
        close = torch.cdist(nearest, self.known, compute_mode="donot_use_mm_for_euclid_dist")
        around = self.known[close.topk(amount, largest=False).indices]
        to_them = torch.linalg.vector_norm(patches[row, worst][:, None] - around, dim=2)
        return reweighted(largest, to_them)

    @torch.no_grad()
    def conclude(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """Choose the bank among the patches of the given training images."""
        self.eval()
        seen, parts = 0, []
        for batch in train:
            given = batch.image[batch.target == 0]
            taken = given[-seen % self.every :: self.every]
            seen += len(given)
            if len(taken):
                parts.append(self.patches(taken.to(self.device)).flatten(0, 1))
        patches = torch.cat(parts)
        amount = min(len(self.bank), max(1, int(self.share * len(patches))))
        chosen = greedy_bank(patches.double() @ self.linear.double(), amount)
        self.bank[:amount] = patches[chosen.to(self.device)]
        self.amount.fill_(amount)
