"""A cell: one point of the method x data x seed grid. Its resolved values are its identity."""

import hashlib
import json
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from medtail.datamodules.core.arguments import wrong_constants
from medtail.datamodules.core.contract import (
    Augmentation,
    Constants,
    LastBatch,
    Normalisation,
    Validation,
)
from medtail.methods.core.stages import Schedule

Selection = Literal["best_balanced_accuracy", "best_macro_auc", "last"]
Precision = Literal["64-true", "32-true", "bf16-mixed", "16-mixed"]
Folds = Annotated[int, Field(ge=0)]


class Frozen(BaseModel):
    """Immutable, and strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _numbers(cls, value: object, info: ValidationInfo) -> object:
        """Refuse ``yes`` as a number, which Python would take for 1."""
        kind = cls.model_fields[info.field_name or ""].annotation
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, bool) and not {bool, Any} & {kind, *get_args(kind)}:
                raise ValueError(f"a number or a name is wanted, not {str(one).lower()}")
        return value


class Budget(Frozen):
    """What every method of a table may spend, and how it is spent.

    Attributes:
        epochs: passes over the training split, of all stages of a method together.
        batch_size: of a training step, over all devices.
        last_batch: what becomes of images that do not fill a batch at the end of an epoch: ``drop``
            them, others in each epoch, or ``keep`` them as a smaller batch.
        optimizer: a name of ``timm.optim``.
        lr: peak learning rate.
        weight_decay: of weights; biases and norms have none.
        momentum: of SGD.
        warmup: share of a stage's steps over which the rate rises linearly.
        schedule: of the rate after the warm-up: ``cosine`` falls to 0 along a half cosine, step by
            step; ``step`` is multiplied by ``gamma`` at each of ``milestones``; ``constant`` stays.
        milestones: for ``step``: shares of a stage's epochs. ``[0.5, 0.75]`` of 100 epochs are the
            epochs 50 and 75, counted from 0; of a method with two stages, the middle of each.
        gamma: for ``step``.
        precision: of training, as Lightning names it; what is fitted afterwards and what is
            predicted has that of the weights.
    """

    epochs: PositiveInt = 15
    batch_size: PositiveInt = 128
    last_batch: LastBatch = "drop"
    optimizer: str = "sgd"
    lr: PositiveFloat = 0.1
    weight_decay: float = Field(5e-4, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    warmup: float = Field(0.05, ge=0, lt=1)
    schedule: Schedule = "cosine"
    milestones: tuple[float, ...] = ()
    gamma: float = Field(0.1, gt=0, lt=1)
    precision: Precision = "bf16-mixed"

    @field_validator("milestones")
    @classmethod
    def _shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < share < 1 for share in shares) or list(shares) != sorted(set(shares)):
            raise ValueError(
                "milestones are rising shares of a stage's epochs, between 0 and 1: epochs 50 and "
                "75 of 100 are [0.5, 0.75]"
            )
        return shares

    def contradiction(self) -> str:
        """What does not go together, as one clause; empty where all is well.

        Not asked of an entry of a suite alone, whose budget changes a part of another.
        """
        if self.schedule == "step":
            return (
                "" if self.milestones else "schedule 'step' needs milestones, such as [0.5, 0.75]"
            )
        for name in ("milestones", "gamma"):
            usual = type(self).model_fields[name].default
            if getattr(self, name) != usual:
                usual = list(usual) if isinstance(usual, tuple) else usual
                return (
                    f"{name} goes with schedule 'step', and this one is '{self.schedule}': drop "
                    f"it, or write {name}: {usual}"
                )
        return ""


class Channels(Frozen):
    """Constants that images are normalised with, of pixels from 0 to 1.

    Attributes:
        mean: of each channel, or one number for all.
        std: standard deviations, as many.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @field_validator("mean", "std", mode="before")
    @classmethod
    def _listed(cls, numbers: object) -> object:
        return [numbers] if isinstance(numbers, int | float) else numbers

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if wrong := wrong_constants(self.mean, self.std):
            raise ValueError(wrong)
        return self


class Terms(Frozen):
    """What all rows of one table share.

    Attributes:
        data: name with regime, such as ``isic2018@lt100``.
        data_params: further arguments of the data module; of a file, its name without folders.
        local: arguments of the data module that change no number and stand in no identity, record
            or page: folders, the whole path of a file, loader workers.
        image_size: (height, width) in pixels.
        augment: of training images: ``symmetries`` of the square, ``standard`` (these, a small
            shift, scale and rotation, a little light), ``contrastive`` (these, a part enlarged,
            much light), or ``none``.
        normalisation: ``imagenet`` (its constants; grey images take their mean), ``half`` (0.5 and
            0.5: pixels from -1 to 1), ``dataset`` (mean and standard deviation of the training
            images, measured), or ``{mean: [...], std: [...]}``.
        backbone: ``conv4`` or a model of timm, such as ``resnet18``. A ResNet with ``+no_pool`` or
            ``+small_stem`` keeps more of small images; ``+cifar`` is the latter drawn as PyTorch
            draws.
        pretrained: whether timm's weights are the start.
        budget: epochs and optimiser.
        selection: which epoch of every stage is kept, by validation, or the last.
        draws: of the split and of the regime's cut: the seeds take them in turn, so that a row's
            numbers vary by them, too. A split that the data brings stays as it is.
        draw: which of them a cell is on, from 0; set by the suite.
        folds: of a cross-validation by groups, whose predictions make one row; 0 for one split.
        fold: which of them is the test of a cell, from 1; 0 of a whole row; set by the suite.
        validation: ``whole``, or ``like_train``: cut by the regime as training is.
        test_episodes: few-shot: how many make the test.
        acquire: active: images that are labelled in a round.
        rounds: active: trainings, the first of them on what is labelled at the start.
    """

    data: str
    data_params: dict[str, Any] = {}
    local: dict[str, Any] = Field({}, exclude=True)
    image_size: tuple[PositiveInt, PositiveInt] = (28, 28)
    augment: Augmentation = "symmetries"
    normalisation: Normalisation | Channels = "imagenet"
    backbone: str = "test_resnet"
    pretrained: bool = False
    budget: Budget = Budget()
    selection: Selection = "best_balanced_accuracy"
    draws: PositiveInt = 1
    draw: int = Field(0, ge=0)
    folds: Folds = 0
    fold: int = Field(0, ge=0)
    validation: Validation = "whole"
    test_episodes: PositiveInt = 600
    acquire: PositiveInt = 20
    rounds: PositiveInt = 10

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if wrong := self.budget.contradiction():
            raise ValueError(wrong)
        return self

    @property
    def table(self) -> Self:
        """What all cells of a table share: neither a draw nor a fold of their own."""
        return self.model_copy(update={"draw": 0, "fold": 0})

    @property
    def name(self) -> str:
        """The data, and which draw and fold of it."""
        more = [f"draw {self.draw + 1}"] * (self.draws > 1) + [f"fold {self.fold}"] * (
            self.fold > 0
        )
        return ", ".join([self.data, *more])

    @property
    def constants(self) -> Normalisation | Constants:
        """The normalisation as data modules take it."""
        given = self.normalisation
        return (given.mean, given.std) if isinstance(given, Channels) else given

    @property
    def arguments(self) -> dict[str, Any]:
        """Every further argument of the data module on this machine."""
        drawn: dict[str, Any] = {}
        if self.draw:
            drawn["split_seed"] = self.data_params.get("split_seed", 0) + self.draw
        if self.fold:
            drawn |= {"folds": self.folds, "fold": self.fold}
        if self.validation != "whole":
            drawn["validation"] = self.validation
        return self.data_params | drawn | self.local

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
        return f"{self.row} on {self.terms.name}, seed {self.seed}"

    def __hash__(self) -> int:
        return hash(self.id)


def digest(value: object) -> str:
    """First 16 hex digits of the SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
