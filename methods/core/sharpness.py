"""Steps that look at the loss somewhere else than at the weights: sharpness-aware minimisation.

Foret et al., ICLR 2021, https://arxiv.org/abs/2010.01412; adaptive: Kwon et al., ICML 2021,
https://arxiv.org/abs/2102.11600.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Unpack

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError

from .base import Common, Method
from .checks import check_interval, slug

Saved = list[tuple[nn.Parameter, Tensor]]
Closure = Callable[[], Any]


@torch.no_grad()
def climb(network: nn.Module, rho: float, *, adaptive: bool = False) -> Saved:
    """Move weights by e = rho g / ||g||, or rho w^2 g / || |w| g || where adaptive, in place.

    Args:
        network: with gradients.
        rho: length of e.
        adaptive: measured in units of the weights.

    Returns:
        What was moved, with its values before.
    """
    moved = [p for p in network.parameters() if p.grad is not None]
    gradients = [p.grad for p in moved if p.grad is not None]
    scaled = [p.abs() * g if adaptive else g for p, g in zip(moved, gradients, strict=True)]
    norm = torch.stack([g.norm() for g in scaled]).norm()
    saved = [(p, p.clone()) for p in moved]
    for p, g in zip(moved, gradients, strict=True):
        p.add_((p.square() * g if adaptive else g) * (rho / (norm + 1e-12)))
    return saved


@torch.no_grad()
def climb_back(saved: Saved) -> None:
    """The weights as they were before ``climb``, to the last bit."""
    for parameter, value in saved:
        parameter.copy_(value)


@contextmanager
def unmoved_statistics(network: nn.Module) -> Iterator[None]:
    """Within, what BatchNorms see leaves no trace in their running statistics."""
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    before = [(b, b.clone()) for norm in norms for b in norm.buffers()]
    try:
        yield
    finally:
        for buffer, value in before:
            buffer.copy_(value)


class Climber(Method):
    """A method whose step takes several passes over its batch: see ``passes``.

    Args:
        spec: the data.
        rho: how far it climbs.
        common: see ``Method``.
    """

    def __init__(self, spec: DataSpec, *, rho: float = 0.05, **common: Unpack[Common]) -> None:
        check_interval(self, "[0, inf)", rho=rho)
        super().__init__(spec, **common)
        self.rho, self.silent = rho, False

    def passes(self, closure: Closure) -> Closure:
        """Take all passes but the last one, and give that: it leaves its gradient to the step.

        Args:
            closure: ``zero_grad``, forward and backward of the batch, with the same draws.
        """
        raise NotImplementedError

    def once_more(self, closure: Closure) -> Any:  # noqa: ANN401 - Lightning's own
        """A further pass: no running statistic moves, nothing is logged."""
        self.silent = True
        try:
            with unmoved_statistics(self):
                return closure()
        finally:
            self.silent = False

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Closure | None = None,
    ) -> None:
        """One step of the stage's optimiser by the gradient of the last pass."""
        assert optimizer_closure is not None, "Lightning gives one where it optimises"
        last = self.passes(self.repeated(optimizer_closure))
        super().optimizer_step(epoch, batch_idx, optimizer, last)

    def repeated(self, closure: Closure) -> Closure:
        """The closure, drawing the same numbers each time that it is called."""
        on_gpu = self.device.type == "cuda"
        cpu, gpu = torch.get_rng_state(), torch.cuda.get_rng_state() if on_gpu else None

        def again() -> Any:  # noqa: ANN401
            torch.set_rng_state(cpu)
            if gpu is not None:
                torch.cuda.set_rng_state(gpu)
            return closure()

        return again

    def log(self, *given: Any, **named: Any) -> None:  # noqa: ANN401
        """As usual, in the first pass alone."""
        if not self.silent:
            super().log(*given, **named)

    def on_train_start(self) -> None:
        """Refuse what would not be the method."""
        if self.trainer.accumulate_grad_batches != 1:
            raise MedtailError(f"{slug(self)}: climbs by a whole batch: write accumulate: 1")
        if self.trainer.precision == "16-mixed":
            raise MedtailError(f"{slug(self)}: would climb by scaled gradients: take bf16-mixed")
