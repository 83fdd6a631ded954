"""Matching networks: a query has the label of the support images that it attends to.

Paper: Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra, "Matching networks for one shot
    learning", NeurIPS 2016, arXiv 1606.04080, section 2.1 and appendix A; the scale as in
    wyharveychen/CloserLookFewShot at e03aca8, ``MatchingNet``.
Equations: p(n | x) = sum_j a_j [y_j = n] with a = softmax_j(100 max(0, cos(h, G_j))), lengths plus
    1e-5; the loss is the mean of -log(p + 1e-6). h = f(x) and G_j = f(x_j); with full context
    embeddings (``fce``) G_j = f_j + forward_j + backward_j of an LSTM over the support, and from
    h = f(x), c = 0, once for each support image: r = softmax(h G^T) G, (h, c) = LSTMCell([f(x), r],
    (h, c)), h = h + f(x).
Deviations: without full context embeddings by default: then the order of the support says nothing
    and there is less to learn. The scale and the cut at 0 are those of the code; the paper has the
    plain cosine. Logits are log(p + 1e-6). BatchNorms as in ``protonet``.
Status: reconstruction.
"""

from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError

from .core.base import Common
from .core.few_shot.comparing import ComparingMethod

SCALE, LENGTH, LEAST = 100.0, 1e-5, 1e-6


def unit(features: Tensor) -> Tensor:
    """Length 1, up to a small share: f / (||f|| + 1e-5), [N, D]."""
    length: Tensor = features.norm(dim=1, keepdim=True)
    return features / (length + LENGTH)


def attended(query: Tensor, support: Tensor, target: Tensor, ways: int) -> Tensor:
    """p(n | x): [Q, N] from embeddings [Q, D] and [S, D] and labels [S]."""
    cosines = unit(query) @ unit(support).T
    return (SCALE * cosines.relu()).softmax(1) @ F.one_hot(target, ways).to(cosines)


class FullContext(nn.Module):
    """Embeddings that know of the whole support set (appendices A.1 and A.2).

    Args:
        dim: D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.support = nn.LSTM(dim, dim, bidirectional=True)
        self.query = nn.LSTMCell(2 * dim, dim)

    def forward(self, support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        """G [S, D] and h [Q, D] from features of the same shapes."""
        forward, backward = self.support(support)[0].chunk(2, dim=1)
        context = support + forward + backward
        h, c = query, torch.zeros_like(query)
        for _ in support:
            read = (h @ context.T).softmax(1) @ context
            h, c = self.query(torch.cat([query, read], 1), (h, c))
            h = h + query
        return context, h


class MatchingNet(ComparingMethod):
    """Attention over the support set in a learnt embedding.

    Args:
        spec: the data.
        fce: full context embeddings.
        common: see ``Method``.
    """

    paper = "Vinyals et al. 2016"
    status = "reconstruction"

    def __init__(self, spec: DataSpec, *, fce: bool = False, **common: Unpack[Common]) -> None:
        if not isinstance(fce, bool):
            raise MedtailError(f"matching_net: fce must be true or false: {fce!r}")
        super().__init__(spec, **common)
        self.context = FullContext(self.num_features) if fce else None

    def compare(self, support: Tensor, target: Tensor, query: Tensor) -> Tensor:
        """Features [S, D], labels [S], features [Q, D] -> log(p + 1e-6) [Q, N]."""
        if self.context is not None:
            support, query = self.context(support, query)
        return (attended(query, support, target, self.ways) + LEAST).log()

    def objective(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean negative log-likelihood: what is compared are probabilities already."""
        return F.nll_loss(logits, target)
