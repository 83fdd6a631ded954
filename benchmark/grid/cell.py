"""A cell: one point of the method x data x seed grid. Its resolved values are its identity."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.main import IncEx

from medtail.datamodules.core.contract import (
    Augmentation,
    Constants,
    Head,
    Normalisation,
    Validation,
)

from .budget import Budget, Precision
from .features import Features
from .frozen import Frozen
from .tuned import Tuned
from .weights import NAMES, Channels, Weights

__all__ = ["Budget", "Cell", "Channels", "Frozen", "Precision", "Selection", "Terms", "digest"]

Selection = Literal["best_balanced_accuracy", "best_macro_auc", "last"]
Folds = Annotated[int, Field(ge=0)]


class Terms(Frozen):
    """What all rows of one table share.

    Attributes:
        data: name with regime, such as ``isic2018@lt100``.
        data_params: further arguments of the data module; of a file, its name without folders.
        local: arguments of the data module that change no number and stand in no identity, record
            or page: folders, the whole path of a file, loader workers.
        image_size: (height, width) in pixels.
        augment: of training images: ``symmetries`` of the square, ``mirror`` (left and right
            alone), ``standard`` (symmetries, a small shift, scale and rotation, a little light),
            ``contrastive`` (symmetries, a part enlarged, much light), ``randcls_sim`` (PaCo's two,
            for a first and a second view), or ``none``.
        normalisation: ``imagenet`` (its constants; grey images take their mean), ``half`` (0.5 and
            0.5: pixels from -1 to 1), ``dataset`` (mean and standard deviation of the training
            images, measured), or ``{mean: [...], std: [...]}``.
        backbone: ``conv4`` or a model of timm, such as ``resnet18``. A ResNet with ``+no_pool`` or
            ``+small_stem`` keeps more of small images; ``+cifar`` is the latter drawn as PyTorch
            draws.
        weights: that it starts from; None for none.
        features: of one's own, which take the place of a backbone; None for none.
        head: what stands between frozen features and the classifier: ``linear`` nothing, ``mlp`` a
            hidden layer (128 units, ReLU), ``cosine`` nothing, and the classifier takes cosines.
        pretrained: of records of before ``weights``: whether timm's were the start. No suite asks
            for it.
        budget: epochs and optimiser.
        selection: which epoch of every stage is kept, by validation, or the last.
        draws: of the split and of the regime's cut: the seeds take them in turn, so that a row's
            numbers vary by them, too. A split that the data brings stays as it is.
        draw: which of them a cell is on, from 0; set by the suite.
        folds: of a cross-validation by groups, whose predictions make one row; 0 for one split.
        fold: which of them is the test of a cell, from 1; 0 of a whole row; set by the suite.
        inner_folds: of a trial: folds of train and validation, whose own test is out of reach.
        inner_fold: which of them is the test of a trial, from 1; 0 of every other cell.
        beside: another fold that is tested, too, so that a choice among rows for either has trained
            on neither; 0 for none; set by ``medtail recommend``.
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
    weights: Weights | None = None
    features: Features | None = None
    head: Head = "linear"
    pretrained: bool = False
    budget: Budget = Budget()
    selection: Selection = "best_balanced_accuracy"
    draws: PositiveInt = 1
    draw: int = Field(0, ge=0)
    folds: Folds = 0
    fold: int = Field(0, ge=0)
    inner_folds: Folds = 0
    inner_fold: int = Field(0, ge=0)
    beside: int = Field(0, ge=0)
    validation: Validation = "whole"
    test_episodes: PositiveInt = 600
    acquire: PositiveInt = 20
    rounds: PositiveInt = 10

    @model_serializer(mode="wrap")
    def _shown(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what only old records, or cells of no suite, say."""
        shown: dict[str, Any] = handler(self)
        seldom = ("pretrained", "beside", "inner_folds", "inner_fold")
        return {k: v for k, v in shown.items() if k not in seldom or v}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if wrong := self.budget.contradiction() or self.misuse(
            self.budget, self.augment, self.head
        ):
            raise ValueError(wrong)
        return self

    @staticmethod
    def misuse(budget: Budget, augment: str, head: str) -> str:
        """What does not go with frozen features, or only with them; empty where all is well."""
        if budget.tune != "frozen":
            return "" if head == "linear" else f"head: {head} goes with tune: frozen"
        if augment not in ("symmetries", "mirror", "none"):
            return (
                f"augment: {augment} has no end of images, of which features could be computed "
                "once: write symmetries, mirror or none, or tune: head"
            )
        return ""

    @property
    def table(self) -> Self:
        """What all cells of a table share: neither a draw nor a fold of their own."""
        return self.model_copy(update={"draw": 0, "fold": 0, "beside": 0})

    @property
    def name(self) -> str:
        """The data, and which draw and fold of it."""
        draw = [f"draw {self.draw + 1}"] * (self.draws > 1)
        fold = f"folds {self.fold} and {self.beside}" if self.beside else f"fold {self.fold}"
        inner = [f"inner fold {self.inner_fold} of {self.inner_folds}"] * (self.inner_fold > 0)
        return ", ".join([self.data, *draw, *[fold] * (self.fold > 0), *inner])

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
        if self.beside:
            drawn["beside"] = self.beside
        if self.validation != "whole":
            drawn["validation"] = self.validation
        return self.data_params | drawn | self.local

    @property
    def content(self) -> dict[str, Any]:
        """All that decides numbers: what tells one table from another."""
        return self.model_dump(mode="json", exclude=NAMES)

    def __hash__(self) -> int:
        return hash(digest(self.content))


class Cell(Frozen):
    """One training: a method with its parameters on the terms of a table, with a seed.

    Attributes:
        method: slug.
        params: every parameter of the method, defaults included.
        label: how a table calls the row; no part of the identity.
        seed: of initialisation, order, augmentation and whatever the method draws.
        terms: see ``Terms``.
        tuned: what a search chose for the row, see ``Tuned``; None for the table's values.
    """

    method: str
    params: dict[str, Any] = {}
    label: str = ""
    seed: int = Field(0, ge=0, lt=2**31)
    terms: Terms
    tuned: Tuned | None = None

    @model_serializer(mode="wrap")
    def _shown(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without ``tuned`` where nothing is: as cells were before there was any."""
        shown: dict[str, Any] = handler(self)
        return {k: v for k, v in shown.items() if k != "tuned" or v is not None}

    @property
    def id(self) -> str:
        """16 hex digits that stand for the resolved values.

        Fields at their default are left out, so that a new field leaves old identities alone.
        """
        names: Mapping[str, bool | IncEx] = {"label": True, "terms": NAMES}
        return digest(self.model_dump(mode="json", exclude=names, exclude_defaults=True))

    @property
    def row(self) -> str:
        """The name of a table's row: ``mixup`` or ``mixup(alpha=0.2)``."""
        return self.label or self.method

    @property
    def kind(self) -> str:
        """16 hex digits that stand for the row on the terms of any table, whatever the seed."""
        chosen = [self.tuned.model_dump(mode="json")] if self.tuned else []
        return digest([self.method, self.params, *chosen])

    @property
    def trained_on(self) -> Terms:
        """The terms with which it is trained: the table's, with what is its own alone."""
        if self.tuned is None:
            return self.terms
        own = {"lr": self.tuned.lr, "weight_decay": self.tuned.weight_decay}
        budget = self.terms.budget.model_copy(update=own)
        return self.terms.model_copy(update={"budget": budget})

    def __str__(self) -> str:
        values = f", {self.tuned}" if self.tuned and not self.tuned.trials else ""
        return f"{self.row} on {self.terms.name}, seed {self.seed}{values}"

    def __hash__(self) -> int:
        return hash(self.id)


def digest(value: object) -> str:
    """First 16 hex digits of the SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
