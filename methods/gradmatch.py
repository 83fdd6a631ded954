"""GRAD-MATCH for active learning: label what makes up the gradient of the whole pool.

Paper: Killamsetty et al., "GRAD-MATCH: gradient matching based data subset selection for efficient
    deep model training", ICML 2021, section 3, by orthogonal matching pursuit; for active learning
    as in distil, ``gradmatch_active.py`` (decile-team/distil at 0e697ec), with the solver of
    decile-team/cords at 030c531, ``omp_solvers.py``.
Equations: g_j are the gradients of the last layer for hypothesised labels, G is their sum over the
    pool. From r = G, for the budget: take j = argmax <g_j, r>; w = argmin_{w >= 0} ||sum_{i in A}
    w_i g_i - G||^2 + ridge ||w||^2 for the set A so far; r = G - sum_i w_i g_i. ridge = 1.
Deviations: the weights choose, and are not used in training. A taken image stays, also where its
    weight falls to 0; the code drops it and may choose fewer than the budget. The gradient is that
    of the pool, or of the query set's labels (``matched="query"``, which sees what CLINICAL sees).
    Over all classes together, where the code goes class by class unless told. Equal products are
    decided at random. The paper's text was not at hand.
Status: reconstruction.
"""

from typing import Literal, Unpack, get_args

import torch
from torch import Tensor

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import unknown

from .core.active.base import Acquisition
from .core.base import Common, Method, Scene
from .core.checks import check_interval
from .core.submodular.similarity import Parts, gradient_factors, inner_products, take

Matched = Literal["pool", "query"]


def non_negative(gram: Tensor, product: Tensor, ridge: float) -> Tensor:
    """argmin_{w >= 0} w^T (K + ridge I) w - 2 w^T c: [A] from K [A, A] and c [A], in float64."""
    from scipy.optimize import nnls  # large in a worker that needs none

    root = torch.linalg.cholesky(gram + ridge * torch.eye(len(gram)).to(gram))
    wanted = torch.linalg.solve_triangular(root, product[:, None], upper=False)[:, 0]
    weight, _ = nnls(root.T.cpu().numpy(), wanted.cpu().numpy())
    return torch.from_numpy(weight).to(gram)


def matching_pursuit(parts: Parts, whole: Parts, amount: int, ridge: float) -> Tensor:
    """Distinct positions [amount], of equal products the first.

    Args:
        parts: factors of N gradients.
        whole: factors of those whose sum is matched.
        amount: at most N.
        ridge: of the squared weights.
    """
    (factor, inputs), (others, seen) = parts, whole
    product = ((factor @ (others.T @ seen)) * inputs).sum(1)  # <g_j, G>
    free = torch.ones(len(factor), dtype=torch.bool, device=factor.device)
    rows = factor.new_empty(amount, len(factor))
    residual, chosen = product, []
    for step in range(amount):
        best = int(residual.where(free, -torch.inf).argmax())
        chosen.append(best)
        free[best] = False
        rows[step] = inner_products(take(parts, slice(best, best + 1)), parts)[0]
        known = rows[: step + 1]
        weight = non_negative(known[:, chosen], product[chosen], ridge)
        residual = product - weight @ known
    return torch.tensor(chosen)


class GradMatch(Acquisition):
    """Orthogonal matching pursuit on gradients of the last layer.

    Args:
        spec: the data.
        matched: whose gradient: of the ``pool`` or of the ``query`` set.
        ridge: of the squared weights.
        learner: see ``Acquisition``.
        common: see ``Method``.
    """

    paper = "Killamsetty et al. 2021 (GRAD-MATCH)"
    status = "reconstruction"

    def __init__(
        self,
        spec: DataSpec,
        *,
        matched: Matched = "pool",
        ridge: float = 1.0,
        learner: str = "erm",
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(0, inf)", ridge=ridge)
        if matched not in get_args(Matched):
            raise unknown("gradient to match of gradmatch", str(matched), get_args(Matched))
        super().__init__(spec, learner=learner, **common)
        self.matched, self.ridge = matched, ridge

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        order = torch.randperm(len(scene.pool.features), generator=generator)
        parts = gradient_factors(scene.pool.logits[order], scene.pool.features[order])
        query = scene.query
        asked = gradient_factors(query.logits, query.features, query.target)
        whole = parts if self.matched == "pool" else asked
        return order[matching_pursuit(parts, whole, budget, self.ridge)]
