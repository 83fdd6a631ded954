"""DAML: MAML with a meta-loss that gives more weight to difficult tasks.

Paper: Li, Yu, Jin, Fu, Xing, Heng, "Difficulty-aware meta-learning for rare disease diagnosis",
    MICCAI 2020, https://arxiv.org/abs/1907.00354.
Equations: phi'_i = phi - gamma grad L_i(phi), repeated, on the support set (eq. 1-2); the outer
    loss sum_i -(L_i)^eta log(max(eps, 1 - L_i)) (eq. 3), by whose gradient phi is moved (eq. 4).
    eta = 5 (table 2). Plain MAML up to iteration 1500 of 3000, hence in the first half here.
Deviations: the text leaves open what L_i is (here the query loss after adaptation, mean
    cross-entropy: eq. 1 read as a sum would always lie in the clamp), eps (0.01: where the curves
    of its figure 2 end), the inner loop's rate and steps (0.01 and 5, 10 at test: the usual ones of
    MAML on mini-ImageNet) and the order (second). With more than two classes the loss at chance,
    ln N, lies in the clamp: ``normalise_loss`` divides it by ln N. The gradient's norm is clipped
    at 10, as the weight f'(L) jumps from 116 to 22 at L = 1 - eps. The mean over tasks, not the
    sum. The rate falls by the suite's cosine, not by 10 at half time. BatchNorms as in ``maml``.
Status: reconstruction.
"""

import math
from typing import Literal, Unpack

import torch
from torch import Tensor
from torch.optim import Optimizer

from medtail.datamodules.core.contract import DataSpec

from .core.base import Common
from .core.checks import check_interval
from .core.few_shot.base import MetaLearner
from .core.few_shot.meta import Engine


def difficulty_aware(loss: Tensor, eta: float, eps: float) -> Tensor:
    """-L^eta log(max(eps, 1 - L)), elementwise (eq. 3)."""
    return -(loss**eta) * torch.log(torch.clamp(1 - loss, min=eps))


def task_weight(loss: Tensor, eta: float, eps: float) -> Tensor:
    """The derivative of ``difficulty_aware`` by L: how much a task's gradient counts."""
    rest = 1 - loss
    slope = eta * loss ** (eta - 1) * -torch.log(torch.clamp(rest, min=eps))
    return slope + torch.where(rest > eps, loss**eta / torch.clamp(rest, min=eps), 0.0)


class DAML(MetaLearner):
    """MAML, then difficulty-aware.

    Args:
        spec: the data.
        eta: scaling factor; the larger, the less easy tasks count.
        eps: least value of 1 - L in the logarithm.
        warmup: share of the epochs that are plain MAML.
        normalise_loss: divide L by ln N.
        clip: largest norm of the meta-gradient.
        inner_lr: see ``MetaLearner``, as for all below.
        steps: while training.
        test_steps: at test and validation.
        first_order: without second derivatives.
        statistics: of BatchNorms.
        engine: what derives.
        common: see ``Method``.
    """

    paper = "Li et al. 2020"
    status = "reconstruction"

    def __init__(
        self,
        spec: DataSpec,
        *,
        eta: float = 5.0,
        eps: float = 0.01,
        warmup: float = 0.5,
        normalise_loss: bool = False,
        clip: float = 10.0,
        inner_lr: float = 0.01,
        steps: int = 5,
        test_steps: int = 10,
        first_order: bool = False,
        statistics: Literal["support", "query"] = "support",
        engine: Engine = "auto",
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, inf)", eta=eta)
        check_interval(self, "(0, 1)", eps=eps)
        check_interval(self, "[0, 1]", warmup=warmup)
        check_interval(self, "(0, inf)", clip=clip)
        super().__init__(
            spec,
            inner_lr=inner_lr,
            steps=steps,
            test_steps=test_steps,
            first_order=first_order,
            statistics=statistics,
            engine=engine,
            **common,
        )
        self.eta, self.eps, self.warmup, self.clip = eta, eps, warmup, clip
        self.unit = math.log(self.ways) if normalise_loss else 1.0
        self.steepest: Tensor
        self.register_buffer("steepest", torch.zeros(()))

    def objective(self, loss: Tensor) -> Tensor:
        """The loss in the warm-up, then eq. 3."""
        if self.epoch_progress < self.warmup:
            return loss
        return difficulty_aware(loss / self.unit, self.eta, self.eps)

    def observe(self, losses: Tensor) -> None:
        """Note the largest weight of a task."""
        if self.epoch_progress >= self.warmup:
            weight = task_weight(losses / self.unit, self.eta, self.eps).max()
            self.steepest.copy_(torch.maximum(self.steepest, weight))

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the meta-gradient, whatever the Trainer's settings are."""
        self.clip_gradients(optimizer, self.clip, "norm")

    def findings(self) -> dict[str, float]:
        """The largest weight f'(L) that a task had up to the epoch that was kept."""
        return {"largest task weight": float(self.steepest)}
