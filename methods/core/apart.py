"""Parameters with an optimiser of their own beside the stage's: another kind, rate or rhythm."""

from dataclasses import replace
from typing import Any

import lightning as L
from timm.optim import create_optimizer_v2
from torch import nn
from torch.optim import Optimizer

from medtail.datamodules.core.errors import MedtailError

from .checks import slug
from .stages import Apart, Recipe, Rhythm, learning_rate_factor


def optimizer_of(method: nn.Module, recipe: Recipe) -> Optimizer:
    """An optimiser over all that a method trains, at its peak rate."""
    made: Optimizer = create_optimizer_v2(
        method,
        opt=recipe.optimizer,
        lr=recipe.lr,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
        layer_decay=None if recipe.layer_decay == 1 else recipe.layer_decay,
        **({} if recipe.beta1 is None else {"betas": (recipe.beta1, 0.999)}),
    )
    for group in made.param_groups:
        group["lr"] *= group.get("lr_scale", 1)  # which timm's own schedules do
    return made


def named(method: nn.Module, names: tuple[str, ...]) -> set[nn.Parameter]:
    """The parameters of some names: of parameters, or of submodules.

    Raises:
        MedtailError: a name of none.
    """
    found = set()
    for name in names:
        mine = {
            value
            for key, value in method.named_parameters()
            if key == name or key.startswith(f"{name}.")
        }
        if not mine:
            raise MedtailError(f"{slug(method)}: it has no parameters '{name}' to train apart")
        found |= mine
    return found


def restrict(optimizer: Optimizer, parameters: set[nn.Parameter], *, keep: bool) -> None:
    """Keep of an optimiser's parameters these alone, or all but these; before its first step."""
    for group in optimizer.param_groups:
        group["params"] = [p for p in group["params"] if (p in parameters) is keep]
    optimizer.param_groups = [group for group in optimizer.param_groups if group["params"]]


class Others:
    """The optimisers of what a stage trains apart.

    Gradients are not clipped. An ``epoch``'s are summed over its steps, as ``zero_grad`` of the
    stage's optimiser does not touch them.

    Args:
        method: in its stage.
        apart: of the stage.
        recipe: of the stage, for those without one.
    """

    def __init__(self, method: nn.Module, apart: tuple[Apart, ...], recipe: Recipe) -> None:
        self.apart, own = apart, [one.recipe or recipe for one in apart]
        self.recipes = [replace(r, lr=one.rate * r.lr) for one, r in zip(apart, own, strict=True)]
        self.parameters = [named(method, one.names) for one in apart]
        self.optimizers = [optimizer_of(method, one) for one in self.recipes]
        for optimizer, parameters in zip(self.optimizers, self.parameters, strict=True):
            restrict(optimizer, parameters, keep=True)
        self.peaks = [[group["lr"] for group in o.param_groups] for o in self.optimizers]
        self.taken = [0] * len(apart)

    def step(self, rhythm: Rhythm, trainer: L.Trainer) -> None:
        """One step of those of a rhythm."""
        epochs = int(trainer.max_epochs or 1)
        steps = epochs if rhythm == "epoch" else int(trainer.estimated_stepping_batches)
        for number, one in enumerate(self.apart):
            if one.every != rhythm:
                continue
            optimizer, recipe = self.optimizers[number], self.recipes[number]
            factor = learning_rate_factor(self.taken[number], steps, epochs, recipe)
            for group, peak in zip(optimizer.param_groups, self.peaks[number], strict=True):
                group["lr"] = peak * factor
            optimizer.step()
            optimizer.zero_grad()
            self.taken[number] += 1

    def state_dict(self) -> dict[str, Any]:
        """For a training that is gone on with."""
        return {"taken": self.taken, "optimizers": [o.state_dict() for o in self.optimizers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From it."""
        self.taken = list(state["taken"])
        for optimizer, one in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(one)
