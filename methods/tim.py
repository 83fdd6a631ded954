"""TIM: class means moved until an episode's queries are told apart surely and in equal shares.

Paper: Boudiaf et al., "Transductive information maximization for few-shot learning", NeurIPS 2020,
    https://arxiv.org/abs/2008.11297; code (mboudiaf/TIM @c324ca8, src/tim.py).
Equations: f of length 1, W_n starting as class means of the support, p = softmax_n(-T/2 ||f -
    W_n||^2). Minimised: .1 CE(support) - H(mean_q p_q) + .1 mean_q H(p_q), over W. GD: Adam of rate
    1e-4. ADM alternates q_in ~ p_in^1.1 / (sum_i p_in^1.1)^(1/2), each row to the sum 1, and W_n =
    [u sum_s (y_sn f_s + p_sn (W_n - f_s)) + r sum_q (q_qn f_q + p_qn (W_n - f_q))] / [u S_n + r
    sum_q q_qn], u = .1 / 1.1, r = S / Q.
Deviations: transductive: it learns from all queries of an episode together, which its row says; the
    entropy of their mean is right for queries in equal shares, which the suite's episodes have.
    The features are those of the shared cross-entropy stage, whose epoch is selected by the
    balanced accuracy of the plain, unadjusted logits on the common classes.
Status: faithful.
"""

from collections.abc import Callable
from typing import Literal, Unpack, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import unknown

from .core.base import Common, Method, Stage
from .core.checks import check_interval
from .core.precision import exact, without_autocast
from .protonet import negative_distances, prototypes

Solver = Literal["gd", "adm"]
WEIGHT, POWER = 0.1, 1.1  # of the support's loss and the conditional entropy; of p in ADM


def logits_of(features: Tensor, means: Tensor, temperature: float) -> Tensor:
    """-T/2 ||f - W_n||^2, [B, N]."""
    logits: Tensor = temperature / 2 * negative_distances(features, means)
    return logits


def objective(support: Tensor, target: Tensor, query: Tensor) -> Tensor:
    """.1 CE(support) - H(mean_q p_q) + .1 mean_q H(p_q).

    Args:
        support: [S, N] logits.
        target: [S].
        query: [Q, N] logits.

    Returns:
        A scalar.
    """
    log_p = query.log_softmax(1)
    each = -(log_p.exp() * log_p).sum(1).mean()
    mean = log_p.exp().mean(0)
    whole: Tensor = -torch.special.xlogy(mean, mean).sum()
    loss: Tensor = WEIGHT * F.cross_entropy(support, target) - whole + WEIGHT * each
    return loss


def adm_targets(p: Tensor) -> Tensor:
    """q_in ~ p_in^1.1 / (sum_i p_in^1.1)^(1/2), rows to the sum 1: [Q, N] from [Q, N]."""
    raised = p**POWER
    q = raised / raised.sum(0).sqrt()
    return q / q.sum(1, keepdim=True)


def adm_means(
    means: Tensor, support: tuple[Tensor, Tensor, Tensor], query: tuple[Tensor, Tensor, Tensor]
) -> Tensor:
    """The next W [N, D].

    Args:
        means: W.
        support: features [S, D], one-hot targets [S, N], p [S, N].
        query: features [Q, D], targets q [Q, N], p [Q, N].
    """
    u, r = WEIGHT / (1 + WEIGHT), len(support[0]) / len(query[0])
    above, below = torch.zeros_like(means), means.new_zeros(len(means), 1)
    for share, (f, y, p) in ((u, support), (r, query)):
        above += share * ((y - p).T @ f + p.sum(0)[:, None] * means)
        below += share * y.sum(0)[:, None]
    return above / below


class TIM(Method):
    """Transductive: learns an episode from its queries, too.

    Args:
        spec: the data.
        solver: ``gd`` or ``adm``.
        steps: of it.
        lr: of Adam in ``gd``.
        temperature: T.
        common: see ``Method``.
    """

    paper = "Boudiaf et al. 2020"
    tracks = ("few_shot",)
    stages = (Stage("representation", by="erm"),)

    def __init__(
        self,
        spec: DataSpec,
        *,
        solver: Solver = "gd",
        steps: int = 150,
        lr: float = 1e-4,
        temperature: float = 15.0,
        **common: Unpack[Common],
    ) -> None:
        if solver not in get_args(Solver):
            raise unknown("solver", str(solver), get_args(Solver))
        check_interval(self, "[0, 100000]", steps=steps)
        check_interval(self, "(0, inf)", lr=lr, temperature=temperature)
        super().__init__(spec, **common)
        self.solver: Solver = solver
        self.steps, self.lr, self.temperature = int(steps), lr, temperature

    def findings(self) -> dict[str, float]:
        """That queries are judged together."""
        return {"transductive": 1.0}

    def adapt(self, support: Batch) -> Callable[[Tensor], Tensor]:
        """Class means of the support; a predictor that moves them by all queries it is given."""
        known = F.normalize(exact(self._frozen_features(support.image)))
        ways = int(support.target.max()) + 1
        start = prototypes(known, support.target, ways)

        @without_autocast
        def predict(image: Tensor) -> Tensor:
            query = F.normalize(exact(self._frozen_features(image)))
            solve = self._by_gradient if self.solver == "gd" else self._by_turns
            means = solve(start, known, support.target, query)
            return logits_of(query, means, self.temperature).detach()

        return predict

    @torch.enable_grad()
    def _by_gradient(self, start: Tensor, known: Tensor, target: Tensor, query: Tensor) -> Tensor:
        means = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([means], lr=self.lr)
        for _ in range(self.steps):
            each = (logits_of(f, means, self.temperature) for f in (known, query))
            loss = objective(next(each), target, next(each))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return means.detach()

    @torch.no_grad()
    def _by_turns(self, start: Tensor, known: Tensor, target: Tensor, query: Tensor) -> Tensor:
        means, y = start, F.one_hot(target, len(start)).to(start)
        for _ in range(self.steps):
            own, p = (logits_of(f, means, self.temperature).softmax(1) for f in (known, query))
            means = adm_means(means, (known, y, own), (query, adm_targets(p), p))
        return means
