"""The terms of a table in plain words."""

import re

from medtail.datamodules.core.markup import inert

from ..grid.cell import Budget, Channels, Terms
from . import replication
from .columns import track

SELECTIONS = {
    "best_balanced_accuracy": "epoch chosen by best validation balanced accuracy",
    "best_macro_auc": "epoch chosen by best validation macro AUC",
    "last": "last epoch scored",
}
# The optimisers of timm that a budget's momentum reaches; the others have betas of their own.
MOMENTUM = re.compile(r"sgd|momentum|nesterov|rmsprop|lar[cs]$|madgrad|muon|kron|adafactorbv")


def describe(terms: Terms) -> list[str]:
    """The terms of a table in plain words: data and network, then budget and selection."""
    budget = terms.budget
    momentum = f", momentum {budget.momentum:g}" if MOMENTUM.search(budget.optimizer) else ""
    params = [
        f"{name} {value}"
        for name, value in sorted(terms.data_params.items())
        if value not in (None, "") and value is not False  # said nothing of
    ]
    special = {
        "few_shot": [f"{terms.test_episodes:,} test episodes"],
        "active": [f"{terms.acquire} images x {terms.rounds - 1} rounds"],
    }
    each = " a training" * (track(terms.data) == "active")
    return [
        ", ".join(
            [
                *params,
                *_seen(terms),
                f"{budget.epochs} epochs x batch {budget.batch_size}{each}",
                *["last batch kept"] * (budget.last_batch == "keep"),
                *replication.words(terms),
                *_tuned(budget),
                *special.get(track(terms.data), []),
            ]
        ),
        f"{budget.optimizer} lr {budget.lr:g}{momentum}, "
        f"weight decay {budget.weight_decay:g}, warm-up {100 * budget.warmup:g} %, "
        f"{_scheduled(budget)}{budget.precision}, {SELECTIONS[terms.selection]}",
    ]


def _seen(terms: Terms) -> list[str]:
    """What a network is given of an image, and what it starts from."""
    if (own := terms.features) is not None:
        views = f", {own.views} views of an image" * (own.views > 1)
        given = f"features of {inert(own.model)} (SHA-256 {own.sha256[:8]}{views})"
        return [given, *[f"{terms.augment} augmentation"] * (own.views > 1), f"head {terms.head}"]
    height, width = terms.image_size
    return [
        f"{height} x {width} px",
        f"{terms.augment} augmentation",
        *_normalised(terms),
        f"{terms.backbone} {_start(terms)}",
        *[f"head {terms.head}"] * (terms.budget.tune == "frozen"),
    ]


def _start(terms: Terms) -> str:
    """What the network starts from."""
    if terms.weights is None:
        return "pretrained" if terms.pretrained else "from scratch"
    return f"from {inert(str(terms.weights))} (SHA-256 {terms.weights.sha256[:8]})"


def _tuned(budget: Budget) -> list[str]:
    """How a network is trained, where it is not simply all of it."""
    told = {
        "backbone frozen, only what stands above it trained": budget.tune != "all",
        f"rate x {budget.layer_decay:g} a layer downwards": budget.layer_decay != 1,
        f"gradient's norm up to {budget.clip:g}": budget.clip != 0,
        f"a step's batch in {budget.accumulate} parts": budget.accumulate != 1,
        f"moving average {budget.ema:g} of the weights scored": budget.ema != 0,
        f"until {100 * budget.until:g} % of training images are right": budget.until != 0,
    }
    return [words for words, so in told.items() if so]


def _normalised(terms: Terms) -> list[str]:
    """How images are normalised, where it is not by ImageNet's constants."""
    given = terms.normalisation
    if isinstance(given, Channels):
        mean, std = (" / ".join(f"{n:g}" for n in numbers) for numbers in (given.mean, given.std))
        return [f"normalised by mean {mean} and deviation {std}"]
    return {
        "imagenet": [],
        "half": ["pixels from -1 to 1"],
        "dataset": ["normalised by mean and deviation of the training images"],
    }[given]


def _scheduled(budget: Budget) -> str:
    """The schedule of the rate, where it is not the cosine."""
    if budget.schedule == "step":
        shares = " and ".join(f"{100 * share:g} %" for share in budget.milestones)
        return f"rate x {budget.gamma:g} after {shares} of each stage, "
    return "constant rate, " if budget.schedule == "constant" else ""
