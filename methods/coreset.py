"""CoreSet: label so that every image of the pool is close to a labelled one.

Paper: Sener and Savarese, "Active learning for convolutional neural networks: a core-set approach",
    ICLR 2018 (arXiv 1708.00489), algorithm 1 (k-center greedy).
Equations: repeat u = argmax_i min_{j in labelled and chosen} ||h_i - h_j||, with features h.
Deviations: the greedy algorithm, without the paper's mixed integer program that repairs outliers;
    so do the comparisons of later papers. Equal distances are decided at random.
Status: faithful.
"""

import torch
from torch import Tensor

from .core.active.base import Acquisition
from .core.base import Method, Scene

BLOCK = 2048  # labelled images whose distances to the pool are computed at once


def nearest_squared_distance(points: Tensor, centers: Tensor) -> Tensor:
    """min_j ||p_i - c_j||^2, [N] from [N, D] and [M, D]."""
    nearest = torch.full_like(points[:, 0], torch.inf)
    for start in range(0, len(centers), BLOCK):
        block = centers[start : start + BLOCK]
        products = points @ block.T
        distances = block.square().sum(1) - 2 * products
        nearest = torch.minimum(nearest, distances.amin(1))
    return (nearest + points.square().sum(1)).clamp(min=0)


def k_center_greedy(points: Tensor, centers: Tensor, amount: int) -> Tensor:
    """Distinct positions [amount] of the points farthest from all centres, of equals the first.

    Args:
        points: [N, D].
        centers: [M, D], which are there already.
        amount: at most N.
    """
    nearest = nearest_squared_distance(points, centers)
    chosen = []
    for _ in range(amount):
        chosen.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, nearest_squared_distance(points, points[chosen[-1:]]))
        nearest[chosen] = -1
    return torch.tensor(chosen)


class CoreSet(Acquisition):
    """k-center greedy on features, the labelled images being centres already."""

    paper = "Sener and Savarese 2018"

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        order = torch.randperm(len(scene.pool.features), generator=generator)
        points = scene.pool.features.double()[order]
        return order[k_center_greedy(points, scene.labelled.features.double(), budget)]
