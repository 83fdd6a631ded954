"""TypiClust: label the most typical image of each cluster that nothing labelled covers.

Paper: Hacohen et al., "Active learning on a budget: opposite strategies suit high and low budgets",
    ICML 2022 (arXiv 2202.02794).
Equations: features f of norm 1, labelled and pool; k-means into min(|L| + b, 500) clusters; those
    of at most 5 images are dropped, the others ordered by (labelled images inside, -size); in turn
    each gives its unlabelled image with the largest typicality, 1 / (mean squared distance to its
    min(20, m // 2) nearest + 1e-5) among the m that are left.
Code: avihu111/TypiClust @4097a71, typiclust.py: distances are squared; k-means in mini-batches of
    5000 above 50 clusters.
Deviations: f are the learner's features, not SimCLR's. Clusters with fewer than two images left are
    passed over (theirs divides by nothing); after them the small clusters have their turn, then
    what is left is drawn. The pool is shuffled, so that position decides on no tie.
Status: reconstruction.
"""

import warnings

import torch
from torch import Tensor
from torch.nn import functional as F

from .core.active.base import Acquisition
from .core.base import Method, Scene

MOST, SMALL, NEIGHBOURS = 500, 5, 20


def k_means(points: Tensor, clusters: int, generator: torch.Generator) -> Tensor:
    """Clusters [N] of points [N, D], by scikit-learn; of equal points there may be fewer."""
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    if clusters <= 50:
        found = KMeans(clusters, n_init=10, random_state=seed)
    else:
        found = MiniBatchKMeans(clusters, batch_size=5000, n_init=3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return torch.from_numpy(found.fit_predict(points.cpu().numpy())).long()


def typicality(points: Tensor) -> Tensor:
    """1 / (mean squared distance to the min(20, m // 2) nearest others + 1e-5), [m] from [m, D]."""
    squared = torch.cdist(points, points).square().fill_diagonal_(torch.inf)
    nearest = squared.topk(min(NEIGHBOURS, len(points) // 2), largest=False).values
    return 1 / (nearest.mean(1) + 1e-5)


def in_turn(points: Tensor, clusters: list[Tensor], budget: int) -> list[int]:
    """The most typical of each cluster in turn, while one has two images left.

    Args:
        points: [N, D].
        clusters: rows of points, in the order of their turns.
        budget: at most so many picks.
    """
    picks: list[int] = []
    while clusters := [rows for rows in clusters if len(rows) > 1]:
        for place, rows in enumerate(clusters):
            if len(picks) == budget:
                return picks
            best = int(typicality(points[rows]).argmax())
            picks.append(int(rows[best]))
            clusters[place] = torch.cat([rows[:best], rows[best + 1 :]])
    return picks


def uncovered_first(cluster: Tensor, labelled: int) -> tuple[list[Tensor], list[Tensor]]:
    """Clusters of more than five images, and the others: rows of the pool in each, in order.

    Args:
        cluster: of the labelled images, then of the pool's, [L + N].
        labelled: L.
    """
    amount = int(cluster.max()) + 1
    size = cluster.bincount(minlength=amount).tolist()
    inside = cluster[:labelled].bincount(minlength=amount).tolist()
    order = sorted(range(amount), key=lambda c: (inside[c], -size[c]))
    rows = {c: (cluster[labelled:] == c).nonzero()[:, 0] for c in order}
    return (
        [rows[c] for c in order if size[c] > SMALL],
        [rows[c] for c in order if size[c] <= SMALL],
    )


class TypiClust(Acquisition):
    """Typical images of the clusters without a label, the largest cluster first."""

    paper = "Hacohen et al. 2022"
    status = "reconstruction"

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        order = torch.randperm(len(scene.pool.features), generator=generator)
        known = F.normalize(scene.labelled.features.double())
        points = F.normalize(scene.pool.features.double())[order]
        clusters = min(len(known) + budget, MOST)
        found = k_means(torch.cat([known, points]), clusters, generator)
        picks: list[int] = []
        for some in uncovered_first(found, len(known)):
            picks += in_turn(points, some, budget - len(picks))
        taken = set(picks)
        left = [row for row in range(len(points)) if row not in taken]
        return order[torch.tensor(picks + left)[:budget]]
