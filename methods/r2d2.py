"""R2-D2: an embedding in which ridge regression on a support set tells its classes apart.

Paper: Bertinetto, Henriques, Torr, Vedaldi, "Meta-learning with differentiable closed-form
    solvers", ICLR 2019, arXiv 1805.08136, section 3; the authors' code (bertinetto/r2d2 at
    fc0c13e, ``r2d2.py``).
Equations: X = [f, 1] / sqrt(S), Y = onehot / sqrt(S) of the S support images; W = X^T (X X^T + l
    I)^-1 Y (Woodbury's form), s(q) = a [f(q), 1] W; cross-entropy of the queries. a starts at 10, l
    at 1, both learnt.
Deviations: log l is learnt, so that l stays positive, and starts at 1: the authors' configuration
    has it fixed at 50, beside maps of thousands of values; beside pooled features that is so much
    that little but inner products with class sums is left. a starts as for CIFAR and Omniglot; for
    miniImageNet theirs is 0.0001. Their calibration adds a constant to all scores, too, which no
    softmax notices: it is left out. Training episodes have the shape of the test's (theirs: 16 to
    20 classes). The embedding is the backbone's pooled output. BatchNorms as in ``protonet``.
Status: faithful.
"""

import math
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import DataSpec

from .core.base import Common
from .core.checks import check_interval
from .core.few_shot.comparing import ComparingMethod


def with_one(features: Tensor) -> Tensor:
    """[f, 1]: [N, D + 1] from [N, D]."""
    return F.pad(features, (0, 1), value=1.0)


def ridge_regression(features: Tensor, target: Tensor, ways: int, ridge: Tensor) -> Tensor:
    """W [D + 1, N] of features [S, D] and labels [S], from the smaller of its two systems."""
    root = len(target) ** 0.5
    x, y = with_one(features) / root, F.one_hot(target, ways).to(features) / root
    if len(x) <= x.shape[1]:
        found: Tensor = x.T @ torch.linalg.solve(x @ x.T + ridge * torch.eye(len(x)).to(x), y)
    else:
        found = torch.linalg.solve(x.T @ x + ridge * torch.eye(x.shape[1]).to(x), x.T @ y)
    return found


class R2D2(ComparingMethod):
    """Ridge regression, through which the embedding is learnt.

    Args:
        spec: the data.
        ridge: l at the start.
        scale: a at the start.
        common: see ``Method``.
    """

    paper = "Bertinetto et al. 2019"

    def __init__(
        self,
        spec: DataSpec,
        *,
        ridge: float = 1.0,
        scale: float = 10.0,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(0, inf)", ridge=ridge, scale=scale)
        super().__init__(spec, **common)
        self.log_ridge = nn.Parameter(torch.tensor(math.log(ridge)))
        self.scale = nn.Parameter(torch.tensor(float(scale)))

    def compare(self, support: Tensor, target: Tensor, query: Tensor) -> Tensor:
        """Features [S, D], labels [S], features [Q, D] -> scores [Q, N]."""
        weight = ridge_regression(support, target, self.ways, self.log_ridge.exp())
        return self.scale * (with_one(query) @ weight)

    def findings(self) -> dict[str, float]:
        """What was learnt of the solver."""
        return {"ridge": float(self.log_ridge.detach().exp()), "scale": float(self.scale.detach())}
