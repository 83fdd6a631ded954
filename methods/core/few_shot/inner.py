"""Learning within a task: gradient descent on a support set, and judging queries after it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from .norm import statistics_of

Weights = dict[str, Tensor]
Gradient = Callable[[Callable[[Weights], Tensor], Weights, bool], Weights]


class Parts(NamedTuple):
    """A network in two parts.

    Attributes:
        body: applied once to all images of a task; ``nn.Identity`` where everything is adapted.
        fast: adapted to a task; maps what the body gives to logits.
    """

    body: nn.Module
    fast: nn.Module

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Of the body, then of the fast part."""
        return [*self.body.parameters(), *self.fast.parameters()]


@dataclass(frozen=True)
class Inner:
    """Learning within a task: gradient descent on the support set's mean cross-entropy.

    Attributes:
        support: images of the support set, the first of a task.
        steps: of gradient descent.
        lr: its rate.
        first_order: take the steps' gradients for constants.
        statistics: where norms take theirs from when queries are judged, the ``support`` set or
            the ``query`` set as a whole (transductive).
    """

    support: int
    steps: int
    lr: float
    first_order: bool = False
    statistics: Literal["support", "query"] = "support"


def weights_of(network: nn.Module) -> Weights:
    """Parameters by name."""
    return dict(network.named_parameters())


def judge(
    network: nn.Module, weights: Weights, support: Tensor, query: Tensor, inner: Inner
) -> Tensor:
    """Outputs for the queries [Q, ...] alone, norms as ``inner.statistics`` says."""
    if inner.statistics == "query":
        only: Tensor = functional_call(network, weights, (query,))
        return only
    with statistics_of(len(support), network):
        both: Tensor = functional_call(network, weights, (torch.cat([support, query]),))
    return both[len(support) :]


def by_autograd(loss: Callable[[Weights], Tensor], weights: Weights, graph: bool) -> Weights:
    """The derivative of a loss of weights, by the weights; ``graph`` keeps it derivable."""
    gradients = torch.autograd.grad(loss(weights), list(weights.values()), create_graph=graph)
    return dict(zip(weights, gradients, strict=True))


def descend(
    network: nn.Module,
    weights: Weights,
    support: Tensor,
    target: Tensor,
    inner: Inner,
    gradient: Gradient = by_autograd,
) -> Weights:
    """The weights after the steps of ``inner`` on a support set [S, ...]: phi' of MAML."""

    def loss(now: Weights) -> Tensor:
        return F.cross_entropy(functional_call(network, now, (support,)), target)

    for _ in range(inner.steps):
        slope = gradient(loss, weights, not inner.first_order)
        weights = {name: w - inner.lr * slope[name] for name, w in weights.items()}
    return weights


def adapted(parts: Parts, image: Tensor, target: Tensor, inner: Inner) -> Weights:
    """The fast weights after learning a support set [S, C, H, W], without a graph."""
    with torch.no_grad():
        features = parts.body(image)
    start = {name: w.detach().requires_grad_() for name, w in weights_of(parts.fast).items()}
    with torch.enable_grad():
        end = descend(parts.fast, start, features, target, inner)
    return {name: w.detach() for name, w in end.items()}


def embed(parts: Parts, weights: Weights, image: Tensor, inner: Inner) -> tuple[Tensor, Tensor]:
    """What the body makes of a task's images [M, ...]: of the support set and of the queries."""
    if not weights:
        return image[: inner.support], image[inner.support :]
    if inner.statistics == "query":
        support, query = (
            functional_call(parts.body, weights, (part,))
            for part in (image[: inner.support], image[inner.support :])
        )
        return support, query
    with statistics_of(inner.support, parts.body):
        both: Tensor = functional_call(parts.body, weights, (image,))
    return both[: inner.support], both[inner.support :]


def query_loss(
    parts: Parts,
    body: Weights,
    fast: Weights,
    image: Tensor,
    target: Tensor,
    inner: Inner,
    gradient: Gradient = by_autograd,
) -> Tensor:
    """Mean cross-entropy of a task's queries after its support set was learnt.

    Args:
        parts: the network.
        body: weights of the body.
        fast: weights of the fast part, before.
        image: [M, C, H, W], support first.
        target: [M].
        inner: how it learns.
        gradient: of a loss of weights, by the weights.
    """
    support, query = embed(parts, body, image, inner)
    fast = descend(parts.fast, fast, support, target[: inner.support], inner, gradient)
    logits = judge(parts.fast, fast, support, query, inner)
    return F.cross_entropy(logits, target[inner.support :])
