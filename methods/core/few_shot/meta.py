"""Meta-gradients: the derivative of query losses after some steps of learning, by three engines.

``loop``: torch.func's ``functional_call`` and autograd, a task at a time. ``vmap``: all tasks at
once, as ``vmap(grad(task))``: PyTorch derives its own norms wrongly where a backward pass is taken
outside ``vmap``. ``learn2learn``: that library's ``MAML``, the reference.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import grad as func_grad
from torch.func import vmap
from torch.nn import functional as F

from ..reference import reference
from .inner import Inner, Parts, Weights, embed, judge, query_loss, weights_of

Engine = Literal["auto", "loop", "vmap", "learn2learn"]
Objective = Callable[[Tensor], Tensor]
Gradients = tuple[Tensor, list[Tensor]]


def _functorch(loss: Callable[[Weights], Tensor], weights: Weights, graph: bool) -> Weights:
    gradients: Weights = func_grad(loss)(weights)
    return gradients if graph else {name: g.detach() for name, g in gradients.items()}


def _one_by_one(
    loss: Callable[[Tensor, Tensor], Tensor],
    parameters: list[nn.Parameter],
    image: Tensor,
    target: Tensor,
    objective: Objective,
) -> Gradients:
    losses, total = [], [torch.zeros_like(p) for p in parameters]
    with torch.enable_grad():
        for one, labels in zip(image, target, strict=True):
            value = loss(one, labels)
            losses.append(value.detach())
            share = torch.autograd.grad(objective(value) / len(image), parameters)
            torch._foreach_add_(total, share)
    return torch.stack(losses), total


def _loop(
    parts: Parts, image: Tensor, target: Tensor, inner: Inner, objective: Objective
) -> Gradients:
    body, fast = weights_of(parts.body), weights_of(parts.fast)

    def loss(one: Tensor, labels: Tensor) -> Tensor:
        return query_loss(parts, body, fast, one, labels, inner)

    return _one_by_one(loss, parts.parameters, image, target, objective)


def _vmap(
    parts: Parts, image: Tensor, target: Tensor, inner: Inner, objective: Objective
) -> Gradients:
    def task(
        weights: tuple[Weights, Weights], one: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        value = query_loss(parts, *weights, one, labels, inner, _functorch)
        return objective(value), value

    body, fast = ({k: w.detach() for k, w in weights_of(part).items()} for part in parts)
    each, losses = vmap(
        func_grad(task, has_aux=True), in_dims=(None, 0, 0), randomness="different"
    )((body, fast), image, target)
    return losses.detach(), [g.mean(0) for part in each for g in part.values()]


def _learn2learn(
    parts: Parts, image: Tensor, target: Tensor, inner: Inner, objective: Objective
) -> Gradients:
    algorithms = reference("learn2learn", "algorithms")
    body = weights_of(parts.body)
    maml = algorithms.MAML(parts.fast, lr=inner.lr, first_order=inner.first_order)

    def loss(one: Tensor, labels: Tensor) -> Tensor:
        support, query = embed(parts, body, one, inner)
        clone = maml.clone()
        for _ in range(inner.steps):
            clone.adapt(F.cross_entropy(clone(support), labels[: inner.support]))
        logits = judge(clone.module, {}, support, query, inner)
        return F.cross_entropy(logits, labels[inner.support :])

    return _one_by_one(loss, parts.parameters, image, target, objective)


ENGINES: Mapping[str, Callable[..., Gradients]] = {
    "loop": _loop,
    "vmap": _vmap,
    "learn2learn": _learn2learn,
}


def fastest(image: Tensor) -> str:
    """The engine for tasks [T, M, C, H, W]."""
    return "vmap" if image.is_cuda else "loop"


def meta_gradient(
    parts: Parts,
    image: Tensor,
    target: Tensor,
    inner: Inner,
    objective: Objective,
    engine: Engine = "auto",
) -> Gradients:
    """The derivative of mean_t objective(L_t) by the weights before adaptation.

    Args:
        parts: the network.
        image: [T, M, C, H, W], support first.
        target: [T, M].
        inner: how it learns a task.
        objective: of a task's query loss L_t; elementwise.
        engine: see above; ``auto`` for the fastest.

    Returns:
        L [T], and the gradients in the order of ``parts.parameters``.
    """
    name = fastest(image) if engine == "auto" else engine
    with torch.autocast(image.device.type, enabled=False):
        return ENGINES[name](parts, image, target, inner, objective)


class _Attached(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: list[Tensor], *_: Tensor) -> Tensor:  # noqa: ANN401
        ctx.gradients = gradients
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        return None, None, *(g * outer[0] for g in ctx.gradients)


def attached(value: Tensor, parameters: list[nn.Parameter], gradients: list[Tensor]) -> Tensor:
    """``value`` [] whose backward pass gives ``parameters`` the gradients that are known already.

    So Lightning's automatic optimisation, clipping and DDP work as for any other loss.
    """
    loss: Tensor = _Attached.apply(value.detach(), gradients, *parameters)
    return loss
