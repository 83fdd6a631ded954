"""Parts of a training, and how the optimiser runs in them."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """The optimiser: a suite has one for all methods of a table.

    Attributes:
        optimizer: a name of ``timm.optim``; ``sgd`` is Nesterov's, ``momentum`` the plain one.
        lr: peak learning rate, for the global batch.
        weight_decay: of weights; biases and norm parameters have none.
        momentum: of SGD.
        warmup: share of a stage's steps over which the rate rises linearly; then a half cosine.
    """

    optimizer: str = "sgd"
    lr: float = 0.1
    weight_decay: float = 5e-4
    momentum: float = 0.9
    warmup: float = 0.05


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
    """

    name: str
    share: float = 1.0
    by: str | None = None
    recipe: Recipe | None = None


def learning_rate_factor(step: int, steps: int, warmup: float) -> float:
    """Share of the peak rate at a step: linear up to the end of the warm-up, then a half cosine."""
    warm = int(warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    return 0.5 + 0.5 * math.cos(math.pi * min(1.0, (step - warm) / max(1, steps - warm)))
