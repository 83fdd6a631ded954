"""A cell: one point of the method x data x seed grid. Its resolved values are its identity."""

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from medtail.datamodules.core.contract import Augmentation

Selection = Literal["best_balanced_accuracy", "best_macro_auc", "last"]
Precision = Literal["64-true", "32-true", "bf16-mixed", "16-mixed"]


class Frozen(BaseModel):
    """Immutable, and strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Budget(Frozen):
    """What every method of a table may spend, and how it is spent.

    Attributes:
        epochs: passes over the training split, over all stages of a method.
        batch_size: global, over all devices.
        optimizer: a name of ``timm.optim``.
        lr: peak learning rate.
        weight_decay: of weights; biases and norms have none.
        momentum: of SGD.
        warmup: share of a stage's steps.
        precision: of training, as Lightning names it; what is fitted afterwards and what is
            predicted has that of the weights.
    """

    epochs: PositiveInt = 15
    batch_size: PositiveInt = 128
    optimizer: str = "sgd"
    lr: PositiveFloat = 0.1
    weight_decay: float = Field(5e-4, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    warmup: float = Field(0.05, ge=0, lt=1)
    precision: Precision = "bf16-mixed"


class Terms(Frozen):
    """What all rows of one table share.

    Attributes:
        data: name with regime, such as ``isic2018@lt100``.
        data_params: further arguments of the data module; of a file, its name without folders.
        local: arguments of the data module that change no number and stand in no identity, record
            or page: folders, the whole path of a file, loader workers.
        image_size: (height, width) in pixels.
        augment: see ``medtail.datamodules.core.pixels.transforms.compose``.
        backbone: see ``medtail.methods.core.backbones``.
        pretrained: whether timm's weights are the start.
        budget: epochs and optimiser.
        selection: which epoch of every stage is kept, by validation.
        test_episodes: few-shot: how many make the test.
        acquire: active: images that are labelled in a round.
        rounds: active: trainings, the first of them on what is labelled at the start.
    """

    data: str
    data_params: dict[str, Any] = {}
    local: dict[str, Any] = Field({}, exclude=True)
    image_size: tuple[PositiveInt, PositiveInt] = (28, 28)
    augment: Augmentation = "symmetries"
    backbone: str = "test_resnet"
    pretrained: bool = False
    budget: Budget = Budget()
    selection: Selection = "best_balanced_accuracy"
    test_episodes: PositiveInt = 600
    acquire: PositiveInt = 20
    rounds: PositiveInt = 10

    @property
    def arguments(self) -> dict[str, Any]:
        """Every further argument of the data module on this machine."""
        return self.data_params | self.local

    def __hash__(self) -> int:
        return hash(digest(self.model_dump(mode="json")))


class Cell(Frozen):
    """One training: a method with its parameters on the terms of a table, with a seed.

    Attributes:
        method: slug.
        params: every parameter of the method, defaults included.
        label: how a table calls the row; no part of the identity.
        seed: of initialisation, order, augmentation and whatever the method draws.
        terms: see ``Terms``.
    """

    method: str
    params: dict[str, Any] = {}
    label: str = ""
    seed: int = Field(0, ge=0, lt=2**31)
    terms: Terms

    @property
    def id(self) -> str:
        """16 hex digits that stand for the resolved values.

        Fields at their default are left out, so that a new field leaves old identities alone.
        """
        return digest(self.model_dump(mode="json", exclude={"label"}, exclude_defaults=True))

    @property
    def row(self) -> str:
        """The name of a table's row: ``mixup`` or ``mixup(alpha=0.2)``."""
        return self.label or self.method

    def __str__(self) -> str:
        return f"{self.row} on {self.terms.data}, seed {self.seed}"

    def __hash__(self) -> int:
        return hash(self.id)


def digest(value: object) -> str:
    """First 16 hex digits of the SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
