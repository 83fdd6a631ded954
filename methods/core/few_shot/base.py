"""Bases of methods that learn from episodes: meta-batches in, validation by adapting."""

from collections.abc import Callable
from typing import Literal, Unpack

import torch
from torch import Tensor, nn

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec
from medtail.datamodules.core.errors import unknown

from .. import own_trainer
from ..base import Common, Method, Stage
from ..checks import check_interval
from ..monitor import ValidationMetrics
from .inner import Inner, Parts, Weights, adapted, judge, weights_of
from .meta import ENGINES, Engine, attached, meta_gradient
from .norm import switch_norms

TASKS = 4  # episodes a step: Li et al. 2020, https://arxiv.org/abs/1907.00354, section 2.3


class EpisodicMethod(Method):
    """Learns from meta-batches of episodes; the validation adapts to episodes of its own.

    ``forward`` gives what the classifier makes of an image before any adaptation.

    Args:
        spec: the data; its regime says what an episode is.
        common: see ``Method``.
    """

    tracks = ("few_shot",)
    stages: tuple[Stage, ...] = (Stage("episodes"),)

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        shape = spec.episodes
        self.ways = shape.n_way if shape else spec.num_classes
        self.support = shape.support if shape else spec.num_classes
        self.monitor = ValidationMetrics(self.ways)

    def request(self, stage: Stage) -> DataRequest:
        """Meta-batches."""
        return DataRequest(tasks=TASKS)

    def features(self, image: Tensor) -> Tensor:
        """Images [B, C, H, W] -> features [B, D], never in half precision."""
        with torch.autocast(image.device.type, enabled=False):
            return super().features(image)

    def validation_step(self, batch: Batch, _: int) -> None:
        """Adapt to each episode; collect its queries."""
        for logits, target in own_trainer.adapted(self, batch, self.support):
            self.monitor.update(logits, target)


class MetaLearner(EpisodicMethod):
    """An initialisation from which gradient descent on a support set learns an episode.

    Args:
        spec: the data.
        inner_lr: rate of the steps on a support set.
        steps: their number while training.
        test_steps: their number at test and validation.
        first_order: take their gradients for constants.
        statistics: where BatchNorms take theirs from when queries are judged: the ``support`` set,
            or all queries together (``query``: transductive, as in MAML's own code).
        engine: what derives, see ``medtail.methods.core.few_shot.meta``; changes no result.
        common: see ``Method``.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        inner_lr: float = 0.01,
        steps: int = 5,
        test_steps: int = 10,
        first_order: bool = False,
        statistics: Literal["support", "query"] = "support",
        engine: Engine = "auto",
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(0, inf)", inner_lr=inner_lr)
        check_interval(self, "[1, 1000]", steps=steps, test_steps=test_steps)
        if statistics not in ("support", "query"):
            raise unknown("statistics", str(statistics), ("support", "query"))
        if engine != "auto" and engine not in ENGINES:
            raise unknown("engine", str(engine), ("auto", *ENGINES))
        super().__init__(spec, **common)
        self.classifier = nn.Linear(self.num_features, self.ways)
        switch_norms(self.backbone)
        self.engine: Engine = engine
        self.inner = Inner(self.support, steps, inner_lr, first_order, statistics)
        self.test_inner = Inner(self.support, test_steps, inner_lr, True, statistics)

    @property
    def parts(self) -> Parts:
        """What is adapted: everything."""
        return Parts(nn.Identity(), nn.Sequential(self.backbone, self.classifier))

    def objective(self, loss: Tensor) -> Tensor:
        """Of a task's query loss, elementwise; the outer loop lowers its mean over tasks."""
        return loss

    def loss(self, batch: Batch) -> Tensor:
        """Mean objective of a meta-batch, which brings its gradients along."""
        parts = self.parts
        losses, gradients = meta_gradient(
            parts, batch.image, batch.target, self.inner, self.objective, self.engine
        )
        self.observe(losses, batch)
        return attached(self.objective(losses).mean(), parts.parameters, gradients)

    def observe(self, losses: Tensor, batch: Batch) -> None:
        """See the query losses [T] of a step, and its meta-batch."""

    def adapt(self, support: Batch) -> Callable[[Tensor], Tensor]:
        """Gradient descent on the support set; the method itself is left as it was."""
        parts, inner = self.parts, self.test_inner
        with torch.autocast(support.image.device.type, enabled=False):
            weights = adapted(parts, support.image, support.target, inner)
        return lambda image: predict(parts, weights, support.image, image, inner)


@torch.no_grad()
def predict(parts: Parts, weights: Weights, support: Tensor, image: Tensor, inner: Inner) -> Tensor:
    """Query images [Q, C, H, W] -> logits [Q, N] of adapted weights."""
    with torch.autocast(image.device.type, enabled=False):
        whole = nn.Sequential(parts.body, parts.fast)
        named = {f"0.{name}": w for name, w in weights_of(parts.body).items()}
        named |= {f"1.{name}": w for name, w in weights.items()}
        return judge(whole, named, support, image, inner)
