"""Of ``gpu_check``: the meta-step of medtail's ``vmap`` engine as a CUDA graph.

On a GPU that step is thousands of small kernels, and Python takes longer to launch them than they
take to run. A graph launches the very same kernels at once. Before it is used it is held against
the step as it was: where they differ, or it cannot be captured, the step stays as it was.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from medtail.methods.core.few_shot import meta
from medtail.methods.core.few_shot.inner import Inner, Parts

Engine = Callable[..., tuple[Tensor, list[Tensor]]]
REPEATS = 5
TOLERANCE = 1e-2  # relative, of the gradient: TF32 convolutions, sums in another order


def seconds(step: Callable[[], object]) -> float:
    """Mean time of a step."""
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(REPEATS):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / REPEATS


def flat(gradients: list[Tensor]) -> Tensor:
    """All gradients in one."""
    return torch.cat([gradient.double().flatten() for gradient in gradients])


class Captured:
    """A graph with what it reads and what it writes."""

    def __init__(
        self, engine: Engine, image: Tensor, target: Tensor, rest: tuple[Any, ...]
    ) -> None:
        parts, inner, objective = rest
        self.image, self.target = image.clone(), target.clone()
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                engine(parts, self.image, self.target, inner, objective)
        torch.cuda.current_stream().wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        # Loaders pin memory in another thread meanwhile.
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            self.losses, self.gradients = engine(parts, self.image, self.target, inner, objective)

    def __call__(self, image: Tensor, target: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Losses and gradients of a meta-batch."""
        self.image.copy_(image)
        self.target.copy_(target)
        self.graph.replay()
        return self.losses.clone(), [gradient.clone() for gradient in self.gradients]


class Graphed:
    """An engine that captures each kind of step once.

    Args:
        engine: of ``medtail.methods.core.few_shot.meta``.
        say: hears what a capture gave.
    """

    def __init__(self, engine: Engine, say: Callable[..., None]) -> None:
        self.engine, self.say = engine, say
        self.kept: dict[object, Captured | None] = {}

    def __call__(
        self,
        parts: Parts,
        image: Tensor,
        target: Tensor,
        inner: Inner,
        objective: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, list[Tensor]]:
        """See ``meta_gradient``."""
        method: Any = getattr(objective, "__self__", None)
        late = method is not None and method.epoch_progress >= getattr(method, "warmup", 2)
        key = (image.shape, inner, late, tuple(p.data_ptr() for p in parts.parameters))
        if key not in self.kept:
            try:
                self.kept[key] = self._capture(image, target, (parts, inner, objective))
            except Exception as error:  # CUDA may be unusable now: begin anew, without graphs
                self.say(graph_error=f"{type(error).__name__}: {error}"[:300])
                os.execv(sys.executable, [sys.executable, *sys.argv, "--eager"])
        captured = self.kept[key]
        if captured is None:
            return self.engine(parts, image, target, inner, objective)
        return captured(image, target)

    def _capture(self, image: Tensor, target: Tensor, rest: tuple[Any, ...]) -> Captured | None:
        parts, inner, objective = rest

        def plain() -> tuple[Tensor, list[Tensor]]:
            return self.engine(parts, image, target, inner, objective)

        plain()
        before = flat(plain()[1])
        eager = seconds(plain)
        captured = Captured(self.engine, image, target, rest)
        # Other contents first: what is compared must have been computed from the new ones.
        captured(image.flip(0), target.flip(0))
        after = flat(captured(image, target)[1])
        difference = float((after - before).norm() / before.norm())
        graph = seconds(lambda: captured(image, target))
        good = difference < TOLERANCE and graph < eager
        self.say(
            **{
                f"step_{len(self.kept)}": {
                    "eager_ms": round(1000 * eager, 2),
                    "graph_ms": round(1000 * graph, 2),
                    "difference": difference,
                    "used": good,
                }
            }
        )
        return captured if good else None


def install(say: Callable[..., None]) -> None:
    """Let the ``vmap`` engine capture, in this process."""
    engines: Any = meta.ENGINES
    engines["vmap"] = Graphed(engines["vmap"], say)
