"""BADGE: seeds of k-means++ among hypothesised gradients: uncertain and diverse at once.

Paper: Ash et al., "Deep batch active learning by diverse, uncertain gradient lower bounds", ICLR
    2020 (arXiv 1906.03671), algorithm 1.
Equations: g = (p - e_t) (x) h with t = argmax p, the gradient of cross-entropy in the last layer's
    weights for the hypothesised label; then k-means++: each next centre is drawn with probability
    proportional to D^2, the squared distance to the nearest centre so far.
Deviations: the first centre is the largest gradient, as in the authors' code and in distil, not a
    uniform draw. Distances come from the factors of g, which is never written down.
Status: faithful.
"""

import torch
from torch import Tensor

from .core.active.base import Acquisition, highest
from .core.base import Method, Scene
from .core.submodular.similarity import Parts, gradient_factors, inner_products, squared_norms, take


def squared_distances(parts: Parts, center: int) -> Tensor:
    """||g_i - g_center||^2 of products given by their factors, [N]."""
    norms = squared_norms(parts)
    products = inner_products(parts, take(parts, slice(center, center + 1)))[:, 0]
    return (norms + norms[center] - 2 * products).clamp(min=0)


def k_means_plus_plus(parts: Parts, amount: int, generator: torch.Generator) -> Tensor:
    """Distinct centres [amount]; where all that is left stands on a centre, uniformly drawn."""
    centers = [int(highest(squared_norms(parts), 1, generator))]
    nearest = squared_distances(parts, centers[0])
    for _ in range(amount - 1):
        nearest[centers] = 0  # exactly: rounding must not let one be drawn twice
        weight = nearest
        if not weight.any():
            weight = torch.ones_like(nearest)
            weight[centers] = 0
        centers.append(int(torch.multinomial(weight.cpu(), 1, generator=generator)))
        nearest = torch.minimum(nearest, squared_distances(parts, centers[-1]))
    return torch.tensor(centers)


class BADGE(Acquisition):
    """k-means++ on gradient embeddings."""

    paper = "Ash et al. 2020"

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        parts = gradient_factors(scene.pool.logits, scene.pool.features, bias=False)
        return k_means_plus_plus(parts, budget, generator)
