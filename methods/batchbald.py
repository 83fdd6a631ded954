"""BatchBALD: label the images on which dropout's sub-networks disagree most, taken together.

Paper: Kirsch, van Amersfoort and Gal, "BatchBALD: efficient and diverse batch acquisition for deep
    Bayesian active learning", NeurIPS 2019 (arXiv 1906.08158).
Equations: a(S) = H(y_S) - sum_{i in S} mean_t H(y_i | t), p(y_S) = mean_t prod_i p_t(y_i), picked
    greedily; H(y_S) is summed over all K^|S| configurations while these are at most 10^4, then
    estimated from 10^4 drawn ones, as many of each p_t, weighted by 1 / mean_t p_t.
Code: BlackHC/batchbald_redux @e56c260.
Deviations: the passes are as in ``bald``: dropout on the features of a network that was trained
    without it, when acquiring only; but with one mask a pass for all images, so that a pass is one
    network. a(S) is log T at most, T the passes, and near it one pick is as good as another: T is
    100 here, and the findings say how near it came. Beyond eight images the estimate is noise: the
    rest of a batch is by BALD.
    As a(S) is submodular, old gains are bounds, and only candidates that could come first are
    looked at. The pool is shuffled, so that position decides on no tie.
Status: reconstruction.
"""

import math
from collections.abc import Callable
from typing import Unpack

import numpy as np
import torch
from torch import Tensor

from medtail.datamodules.core.contract import DataSpec

from .bald import mutual_information
from .core.active.base import Acquisition, highest, probabilities
from .core.base import Common, Method, Scene
from .core.checks import check_interval
from .core.submodular.greedy import Floats, Rows, lazy_greedy
from .entropy_sampling import entropy

CONFIGURATIONS, TOGETHER, BLOCK = 10_000, 8, 64


def consistent_passes(
    features: Tensor,
    score: Callable[[Tensor], Tensor],
    passes: int,
    rate: float,
    generator: torch.Generator,
) -> Tensor:
    """Probabilities [T, N, K] of features [N, D] after dropout, a mask [D] for each pass."""
    drawn = []
    for _ in range(passes):
        kept = torch.rand(features.shape[1], generator=generator) >= rate
        drawn.append(probabilities(score(features * kept.to(features) / (1 - rate))))
    return torch.stack(drawn)


class Joint:
    """The distribution of the picks' labels, all configurations or a weighted sample of them.

    Args:
        passes: p_t(y_i), [T, N, K].
        most: configurations at most.
        generator: of the sample.
    """

    def __init__(self, passes: Tensor, most: int, generator: torch.Generator) -> None:
        self.passes, self.most, self.generator = passes, most, generator
        self.picks: list[int] = []
        self.likely = passes.new_ones(1, len(passes))  # p_t of each configuration, [M, T]
        self.weight = passes.new_ones(1)

    def entropy(self) -> float:
        """H(y_S)."""
        p = self.likely.mean(1)
        return float(-(self.weight * torch.xlogy(p, p)).sum())

    def entropy_with(self, rows: Tensor) -> Tensor:
        """H(y_S, y_i) for each i of rows [R], [R]."""
        found = []
        for row in rows.tolist():
            p = self.likely @ self.passes[:, row] / len(self.passes)
            found.append(-(self.weight[:, None] * torch.xlogy(p, p)).sum())
        return torch.stack(found)

    def add(self, row: int) -> None:
        """Another pick: its classes multiply the configurations, or all are drawn anew."""
        self.picks.append(row)
        if self.passes.shape[2] ** len(self.picks) <= self.most:
            self.likely = (self.likely[:, None] * self.passes[:, row].T).flatten(0, 1)
            self.weight = self.likely.new_ones(len(self.likely))
            return
        each = self.most // len(self.passes)
        self.likely = self.passes.new_ones(each * len(self.passes), len(self.passes))
        for pick in self.picks:
            p = self.passes[:, pick]
            drawn = torch.multinomial(p.cpu(), each, replacement=True, generator=self.generator)
            self.likely *= p.T[drawn.flatten().to(p.device)]
        self.weight = 1 / (len(self.likely) * self.likely.mean(1))


def greedy_batch(
    passes: Tensor, budget: int, most: int, generator: torch.Generator
) -> tuple[list[int], list[float]]:
    """Picks of the largest a(S), and what each adds to it.

    Args:
        passes: p_t(y_i), [T, N, K].
        budget: at most N.
        most: configurations of the picks' labels, see ``Joint``.
        generator: of the sample, where there are more.
    """
    joint = Joint(passes, most, generator)
    within = torch.stack([entropy(p) for p in passes]).mean(0)

    def gains_of(rows: Rows | slice) -> Floats:
        chosen = torch.arange(len(within))[rows]
        gains = joint.entropy_with(chosen) - joint.entropy() - within[chosen]
        return np.asarray(gains.cpu().numpy(), dtype=np.float64)

    first = mutual_information(passes).cpu().numpy()
    return lazy_greedy(first, gains_of, joint.add, budget, BLOCK)


class BatchBALD(Acquisition):
    """The images whose labels together say most about which of dropout's networks is right.

    Args:
        spec: the data.
        rate: share of the features that are dropped.
        passes: T, networks that are drawn.
        learner: see ``Acquisition``.
        common: see ``Method``.
    """

    paper = "Kirsch et al. 2019"
    status = "reconstruction"

    def __init__(
        self,
        spec: DataSpec,
        *,
        rate: float = 0.5,
        passes: int = 100,
        learner: str = "erm",
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(0, 1)", rate=rate)
        check_interval(self, "[2, inf)", passes=passes)
        super().__init__(spec, learner=learner, **common)
        self.rate, self.passes = rate, passes
        self.shares: list[float] = []  # a(S) / log T of the rounds

    @torch.no_grad()
    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        order = torch.randperm(len(scene.pool.features), generator=generator)
        features = scene.pool.features[order]
        passes = consistent_passes(features, learner.score, self.passes, self.rate, generator)
        picks, gains = greedy_batch(passes, min(budget, TOGETHER), CONFIGURATIONS, generator)
        self.shares.append(sum(gains) / math.log(self.passes))
        single = mutual_information(passes)
        single[picks] = -torch.inf
        rest = highest(single, budget - len(picks), generator)
        return order[torch.cat([torch.tensor(picks), rest])]

    def findings(self) -> dict[str, float]:
        """Mean over the rounds: how much of log T the first picks together say."""
        return {"information_share": sum(self.shares) / len(self.shares)} if self.shares else {}
