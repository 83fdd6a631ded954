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
    ``weighting: focal`` is a control of ours: (1 - e^-L)^g L of a task's loss in place of eq. 3,
    the focal loss (Lin et al. 2017) of tasks, whose weight has no cliff (below 1.3 at g = 2).
    ``warmup: 1`` is no weighting: MAML, clipped. ``sampling: curriculum`` stands for the table's
    row "task sampling" (Maicas et al., MICCAI 2018), with ``warmup: 1``. Known of it to us: MAML,
    whose tasks a teacher picks by past improvement (teacher-student curriculum learning, Matiisen
    et al. 2017). Guessed: a task is a set of classes; its score is its mean query loss in an epoch;
    its reward the change since the last one, in absolute value and as a running mean (rate 0.5);
    odds are proportional to that, a fifth of the tasks even, the first two epochs even. The teacher
    speaks once an epoch (theirs: at each step).
Status: reconstruction.
"""

import math
from dataclasses import replace
from typing import Literal, Unpack, get_args

import torch
from torch import Tensor
from torch.optim import Optimizer

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec
from medtail.datamodules.core.errors import unknown

from .core.base import Common, Stage
from .core.checks import check_interval, slug
from .core.few_shot.base import MetaLearner
from .core.few_shot.curriculum import Curriculum
from .core.few_shot.meta import Engine
from .core.gathering import gathered

Weighting = Literal["difficulty", "focal"]
Sampling = Literal["uniform", "curriculum"]


def difficulty_aware(loss: Tensor, eta: float, eps: float) -> Tensor:
    """-L^eta log(max(eps, 1 - L)), elementwise (eq. 3)."""
    return -(loss**eta) * torch.log(torch.clamp(1 - loss, min=eps))


def task_weight(loss: Tensor, eta: float, eps: float) -> Tensor:
    """The derivative of ``difficulty_aware`` by L: how much a task's gradient counts."""
    rest = 1 - loss
    slope = eta * loss ** (eta - 1) * -torch.log(torch.clamp(rest, min=eps))
    return slope + torch.where(rest > eps, loss**eta / torch.clamp(rest, min=eps), 0.0)


def focal_task_loss(loss: Tensor, gamma: float) -> Tensor:
    """(1 - e^-L)^g L, elementwise: the control."""
    return (-torch.expm1(-loss)) ** gamma * loss


def focal_task_weight(loss: Tensor, gamma: float) -> Tensor:
    """The derivative of ``focal_task_loss`` by L."""
    missed = -torch.expm1(-loss)
    return missed**gamma + gamma * missed ** (gamma - 1) * torch.exp(-loss) * loss


class DAML(MetaLearner):
    """MAML, then difficulty-aware.

    Args:
        spec: the data.
        eta: scaling factor; the larger, the less easy tasks count.
        eps: least value of 1 - L in the logarithm.
        warmup: share of the epochs that are plain MAML.
        normalise_loss: divide L by ln N.
        clip: largest norm of the meta-gradient.
        weighting: after the warm-up: by ``difficulty``, or the ``focal`` control.
        gamma: g of that control.
        sampling: of a task's classes: ``uniform``, or the ``curriculum`` of the card.
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
    before = {"weighting": "difficulty", "gamma": 2.0, "sampling": "uniform"}

    def __init__(
        self,
        spec: DataSpec,
        *,
        eta: float = 5.0,
        eps: float = 0.01,
        warmup: float = 0.5,
        normalise_loss: bool = False,
        clip: float = 10.0,
        weighting: Weighting = "difficulty",
        gamma: float = 2.0,
        sampling: Sampling = "uniform",
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
        check_interval(self, "[1, inf)", gamma=gamma)
        if weighting not in get_args(Weighting):
            raise unknown(f"weighting of {slug(self)}", str(weighting), get_args(Weighting))
        if sampling not in get_args(Sampling):
            raise unknown(f"sampling of {slug(self)}", str(sampling), get_args(Sampling))
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
        self.weighting, self.gamma = weighting, gamma
        self.unit = math.log(self.ways) if normalise_loss else 1.0
        self.steepest: Tensor
        self.register_buffer("steepest", torch.zeros(()))
        chosen = sampling == "curriculum"
        self.curriculum = Curriculum(spec.num_classes, self.ways) if chosen else None

    def request(self, stage: Stage) -> DataRequest:
        """Meta-batches, by the curriculum's odds where there is one."""
        asked = super().request(stage)
        return replace(asked, odds=self.curriculum.odds) if self.curriculum else asked

    def objective(self, loss: Tensor) -> Tensor:
        """The loss in the warm-up, then eq. 3 or its control."""
        if self.epoch_progress < self.warmup:
            return loss
        if self.weighting == "focal":
            return focal_task_loss(loss / self.unit, self.gamma)
        return difficulty_aware(loss / self.unit, self.eta, self.eps)

    def observe(self, losses: Tensor, batch: Batch) -> None:
        """Note the largest weight of a task, and the losses of its classes."""
        if self.epoch_progress >= self.warmup:
            scaled = losses / self.unit
            weight = (
                focal_task_weight(scaled, self.gamma)
                if self.weighting == "focal"
                else task_weight(scaled, self.eta, self.eps)
            )
            self.steepest.copy_(torch.maximum(self.steepest, weight.max()))
        if self.curriculum:
            assert batch.classes is not None, "episodes say their classes"
            self.curriculum.see(gathered(batch.classes), gathered(losses))

    def on_train_batch_end(self, *given: object) -> None:
        """At the end of an epoch, before it is kept: the odds of the next one."""
        super().on_train_batch_end(*given)
        if self.curriculum and self.trainer.is_last_batch:
            self.curriculum.learn()

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the meta-gradient, whatever the Trainer's settings are."""
        self.clip_gradients(optimizer, self.clip, "norm")

    def findings(self) -> dict[str, float]:
        """The largest weight f'(L) that a task had up to the epoch that was kept, and how often
        the curriculum would draw its favourite classes next.
        """
        found = {"largest task weight": float(self.steepest)}
        if self.curriculum:
            found["odds of the favoured classes"] = max(self.curriculum.odds().values())
        return found
