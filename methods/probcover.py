"""ProbCover: label so that balls of one radius around the labelled images cover most images.

Paper: Yehuda et al., "Active learning through a covering lens", NeurIPS 2022 (arXiv 2205.11320).
Equations: features f of norm 1, labelled and pool; A_ij = ||f_i - f_j|| < delta; covered are the
    balls of the labelled images; b times: pick argmax_i #{ j: A_ij, j not covered }, and its ball
    is covered. delta is the largest whose balls are pure, of one k-means cluster of K, for 95 % of
    the images at least.
Code: avihu111/TypiClust @4097a71, prob_cover.py, where delta is given (0.6). Its graph leaves out
    the last n mod 500 images; here it does not.
Deviations: f are the learner's features, not SimCLR's; the rule for delta is recalled, not read.
    Where all is covered the rest is drawn (theirs: the first image, each time). The pool is
    shuffled, so that position decides on no tie.
Status: reconstruction.
"""

from typing import Literal, Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import DataSpec

from .core.active.base import Acquisition
from .core.base import Common, Method, Scene
from .core.checks import check_interval
from .typiclust import k_means

PURITY = 0.95
BLOCK = 1024  # images whose distances to all are computed at once
LARGEST = 2.0  # the diameter of the sphere


def pure_radius(points: Tensor, cluster: Tensor, purity: float) -> float:
    """The largest delta whose open balls are of one cluster for that share of the points.

    A ball is, up to the distance of the nearest point of another cluster: delta is a quantile.

    Args:
        points: [N, D] of norm 1.
        cluster: [N].
        purity: in (0, 1].
    """
    apart = []
    for start in range(0, len(points), BLOCK):
        rows = slice(start, start + BLOCK)
        distance = torch.cdist(points[rows], points)
        same = cluster[rows, None] == cluster
        apart.append(distance.masked_fill_(same, LARGEST).amin(1))
    impure = int((1 - purity) * len(points) + 1e-9)
    return float(torch.cat(apart).sort().values[impure])


def balls(centres: Tensor, points: Tensor, delta: float) -> Tensor:
    """A, [M, N] bool: which points [N, D] are closer than delta to centres [M, D]."""
    near = torch.zeros(len(centres), len(points), dtype=torch.bool, device=points.device)
    for start in range(0, len(centres), BLOCK):
        rows = slice(start, start + BLOCK)
        near[rows] = torch.cdist(centres[rows], points) < delta
    return near


def cover(ball: Tensor, covered: Tensor, budget: int) -> tuple[list[int], list[int]]:
    """Greedy picks while one covers something new, and how many each covers.

    Args:
        ball: of each candidate, [M, N] bool.
        covered: [N] bool, from the start.
        budget: at most so many picks.
    """
    gain = (ball & ~covered).sum(1)
    picks: list[int] = []
    gains: list[int] = []
    while len(picks) < budget and (most := int(gain.max())):
        best = int(gain.argmax())
        new = ball[best] & ~covered
        covered = covered | new
        gain -= ball[:, new].sum(1)
        picks.append(best)
        gains.append(most)
    return picks, gains


class ProbCover(Acquisition):
    """Greedy cover by balls of one radius.

    Args:
        spec: the data.
        delta: the radius, between features of norm 1, or ``auto`` for that of pure balls.
        learner: see ``Acquisition``.
        common: see ``Method``.
    """

    paper = "Yehuda et al. 2022"
    status = "reconstruction"

    def __init__(
        self,
        spec: DataSpec,
        *,
        delta: float | Literal["auto"] = "auto",
        learner: str = "erm",
        **common: Unpack[Common],
    ) -> None:
        if delta != "auto":
            check_interval(self, "(0, inf)", delta=delta)
        super().__init__(spec, learner=learner, **common)
        self.delta = delta
        self.radii: list[float] = []
        self.shares: list[float] = []

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        order = torch.randperm(len(scene.pool.features), generator=generator)
        known = F.normalize(scene.labelled.features.double())
        pool = F.normalize(scene.pool.features.double())[order]
        points = torch.cat([known, pool])
        if isinstance(self.delta, str):
            clusters = k_means(points, min(self.spec.num_classes, len(points)), generator)
            delta = pure_radius(points, clusters, PURITY)
        else:
            delta = self.delta
        covered = balls(known, points, delta).any(0)
        picks, gains = cover(balls(pool, points, delta), covered, budget)
        self.radii.append(delta)
        self.shares.append((int(covered.sum()) + sum(gains)) / len(points))
        taken = set(picks)
        left = [row for row in range(len(pool)) if row not in taken]
        return order[torch.tensor(picks + left)[:budget]]

    def findings(self) -> dict[str, float]:
        """Means over the rounds: the radius, and the share of the images that is covered."""
        if not self.radii:
            return {}
        return {
            "delta": sum(self.radii) / len(self.radii),
            "covered": sum(self.shares) / len(self.shares),
        }
