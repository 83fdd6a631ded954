"""Parts of a training, and how the optimiser runs in them."""

import math
from dataclasses import dataclass
from typing import Literal

Schedule = Literal["cosine", "step", "constant"]
Rhythm = Literal["step", "epoch"]


@dataclass(frozen=True)
class Recipe:
    """The optimiser: a suite has one for all methods of a table.

    Attributes:
        optimizer: a name of ``timm.optim``; ``sgd`` is Nesterov's, ``momentum`` the plain one.
        lr: peak learning rate, for the global batch.
        weight_decay: of weights; biases and norm parameters have none.
        momentum: of SGD.
        warmup: share of a stage's steps over which the rate rises linearly.
        schedule: of the rate, see ``learning_rate_factor``.
        milestones: of ``step``: shares of a stage's epochs.
        gamma: of ``step``: what the rate is multiplied by at each.
        layer_decay: the rate of a layer of the backbone is that of the next one times this.
        beta1: of Adam, where a paper has another than Adam's 0.9.
    """

    optimizer: str = "sgd"
    lr: float = 0.1
    weight_decay: float = 5e-4
    momentum: float = 0.9
    warmup: float = 0.05
    schedule: Schedule = "cosine"
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    layer_decay: float = 1.0
    beta1: float | None = None


@dataclass(frozen=True)
class Apart:
    """Parameters of a stage that have an optimiser of their own.

    Attributes:
        names: of parameters, or of submodules.
        recipe: their optimiser; None for the stage's, taken anew.
        rate: what its rate is multiplied by.
        every: they are stepped; at the end of an ``epoch`` by the sum of its steps' gradients.
    """

    names: tuple[str, ...]
    recipe: Recipe | None = None
    every: Rhythm = "step"
    rate: float = 1.0


@dataclass(frozen=True)
class Stage:
    """A part of a method's training.

    Attributes:
        name: such as ``representation`` or ``classifier``.
        share: of the budget's epochs; a method's shares sum to 1 at most: equal budgets.
        by: slug of another method that trains this stage, at this share. Its result is kept by
            content and shared: cRT, LWS, tau-norm and others begin with the very same stage.
        recipe: the optimiser of this stage where the paper's stage needs its own; None for the
            suite's.
        apart: what has an optimiser of its own beside it.
    """

    name: str
    share: float = 1.0
    by: str | None = None
    recipe: Recipe | None = None
    apart: tuple[Apart, ...] = ()


UNTRAINED = Stage("nothing", 0.0)  # that a method without stages is in


def learning_rate_factor(step: int, steps: int, epochs: int, recipe: Recipe) -> float:
    """Share of the peak rate at a step: linear up to the end of the warm-up, then the schedule.

    ``cosine``: a half cosine from the end of the warm-up to 0, step by step. ``step``: multiplied
    by ``gamma`` from the first epoch on that begins at or after each milestone, as PyTorch's
    ``MultiStepLR`` does at whole epochs. ``constant``: the peak rate.

    Args:
        step: of the stage, from 0.
        steps: of the stage.
        epochs: of the stage, each of as many steps.
        recipe: schedule and warm-up.
    """
    warm = int(recipe.warmup * steps)
    rise = (step + 1) / (warm + 1) if step < warm else 1.0
    if recipe.schedule == "step":
        epoch = step * epochs // max(1, steps)
        passed = sum(share * epochs <= epoch + 1e-9 for share in recipe.milestones)
        return float(rise * recipe.gamma**passed)
    if step < warm or recipe.schedule == "constant":
        return rise
    return 0.5 + 0.5 * math.cos(math.pi * min(1.0, (step - warm) / max(1, steps - warm)))
