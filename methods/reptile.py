"""Reptile: move the initialisation towards what each task's training ends with.

Paper: Nichol, Achiam, Schulman, "On first-order meta-learning algorithms", arXiv 1803.02999, 2018,
    algorithm 2 and section 6.1.
Equations: phi <- phi + epsilon mean_i (phi'_i - phi), phi'_i after k steps of Adam with beta1 = 0
    on minibatches of task i. (phi - phi'_i) / alpha with the inner rate alpha is the gradient that
    the outer optimiser is given (section 2: "treat as a gradient, plug into Adam").
Deviations: a task's steps go over its images once, support and query together in minibatches of
    equal size (the paper: minibatches of 10 out of 15 images a class). Inner rate 0.001 as the
    paper's, 5 steps while training and 10 at test (8 and 50 there), as the other rows of a table.
    Each task begins with a fresh Adam; the authors' code carries its second moments from task to
    task and to the test. BatchNorms are inductive as in ``maml``, their statistics those of the
    minibatch in training.
Status: faithful.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common
from .core.checks import check_interval
from .core.few_shot.base import EpisodicMethod, predict
from .core.few_shot.inner import Inner, Parts, Weights, weights_of
from .core.few_shot.meta import attached
from .core.few_shot.norm import switch_norms


def trained(
    network: nn.Module, minibatches: Sequence[tuple[Tensor, Tensor]], lr: float
) -> tuple[Weights, float]:
    """Weights after a step of Adam (beta1 = 0) on each minibatch, and the mean loss met."""
    weights = {name: w.detach().clone() for name, w in weights_of(network).items()}
    optimizer = torch.optim.Adam(
        [w.requires_grad_() for w in weights.values()], lr=lr, betas=(0.0, 0.999)
    )
    met = []
    with torch.enable_grad():
        for image, target in minibatches:
            loss = F.cross_entropy(functional_call(network, weights, (image,)), target)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            met.append(float(loss.detach()))
    return {name: w.detach() for name, w in weights.items()}, sum(met) / len(met)


class Reptile(EpisodicMethod):
    """First order, all weights.

    Args:
        spec: the data.
        inner_lr: rate of Adam on a task.
        steps: on a task while training.
        test_steps: on a support set at test and validation.
        common: see ``Method``.
    """

    paper = "Nichol et al. 2018"

    def __init__(
        self,
        spec: DataSpec,
        *,
        inner_lr: float = 0.001,
        steps: int = 5,
        test_steps: int = 10,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(0, inf)", inner_lr=inner_lr)
        check_interval(self, "[1, 1000]", steps=steps, test_steps=test_steps)
        super().__init__(spec, **common)
        self.classifier = nn.Linear(self.num_features, self.ways)
        switch_norms(self.backbone)
        self.inner_lr, self.steps, self.test_steps = inner_lr, steps, test_steps

    @property
    def _network(self) -> nn.Sequential:
        return nn.Sequential(self.backbone, self.classifier)

    def _minibatches(self, image: Tensor, target: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        size = max(self.ways, len(target) // self.steps)
        order = torch.randperm(len(target)).repeat(-(-self.steps * size // len(target)))
        for step in range(self.steps):
            chosen = order[step * size : (step + 1) * size].to(target.device)
            yield image[chosen], target[chosen]

    def loss(self, batch: Batch) -> Tensor:
        """Mean loss on the way, with the gradient (phi - phi') / alpha."""
        network = self._network
        parameters, losses = list(network.parameters()), []
        total = [torch.zeros_like(p) for p in parameters]
        with torch.autocast(batch.image.device.type, enabled=False):
            for image, target in zip(batch.image, batch.target, strict=True):
                end, met = trained(network, [*self._minibatches(image, target)], self.inner_lr)
                losses.append(met)
                for sum_, start, after in zip(total, parameters, end.values(), strict=True):
                    sum_ += (start.detach() - after) / (self.inner_lr * len(batch.image))
        return attached(parameters[0].new_tensor(losses).mean(), parameters, total)

    def adapt(self, support: Batch) -> Callable[[Tensor], Tensor]:
        """Adam on the support set, all of it at each step."""
        network, image = self._network, support.image
        with torch.autocast(image.device.type, enabled=False):
            pairs = [(image, support.target)] * self.test_steps
            weights, _ = trained(network, pairs, self.inner_lr)
        parts, inner = Parts(nn.Identity(), network), Inner(len(image), 1, self.inner_lr)
        return lambda query: predict(parts, weights, image, query, inner)
