"""Suites: YAML files that name methods, data, seeds and terms -> the cells of a grid."""

from collections.abc import Iterator
from typing import Any, Self

from pydantic import Field, PositiveInt, field_validator, model_validator
from pydantic_core import PydanticCustomError

from medtail import datamodules, methods
from medtail.datamodules.core.contract import Augmentation, Head, Validation
from medtail.datamodules.core.errors import MedtailError, unknown
from medtail.datamodules.core.names import DataName

from . import features as own_features
from .cell import Budget, Cell, Channels, Folds, Frozen, Selection, Terms
from .draws import with_draws
from .time_limit import seconds_of
from .weights import Wanted, resolved


class MethodEntry(Frozen):
    """A method with its parameters.

    Attributes:
        name: of the method, as ``medtail list`` tells it.
        params: its parameters that differ from their defaults, see its card.
    """

    name: str
    params: dict[str, Any] = {}


class DataEntry(Frozen):
    """A dataset under a regime, and what its table has otherwise than the rest of the suite.

    Attributes:
        name: such as ``isic2018@lt100``.
        params: arguments of the dataset, see its card.
        budget: single values that differ from the suite's.
        methods: those of this table, instead of the suite's.

    The rest are as in ``Suite``, and None for what that says.
    """

    name: str
    params: dict[str, Any] = {}
    budget: Budget | None = None
    methods: tuple[MethodEntry, ...] = ()
    seeds: tuple[int, ...] | None = Field(None, min_length=1)
    augment: Augmentation | None = None
    normalisation: Wanted | Channels | None = None
    backbone: str | None = None
    weights: str | None = None
    features: str | None = None
    head: Head | None = None
    selection: Selection | None = None
    draws: PositiveInt | None = None
    folds: Folds | None = None
    validation: Validation | None = None
    test_episodes: PositiveInt | None = None
    acquire: PositiveInt | None = None
    rounds: PositiveInt | None = None

    @field_validator("methods", mode="before")
    @classmethod
    def _names(cls, entries: object) -> object:
        return _mappings(entries)

    @field_validator("seeds")
    @classmethod
    def _seeds(cls, seeds: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return seeds and _checked(seeds)


# What a table may have of its own, besides its budget.
TERMS = tuple(f for f in DataEntry.model_fields if f in Terms.model_fields and f != "budget")
TERM = "write it beside params, or for the whole suite"
HOW = {"batch_size": "write it into its budget", "fold": "write folds beside params"}


def _wrong(text: str, *place: str | int) -> PydanticCustomError:
    """An error at a place of the suite: keys, and numbers of entries."""
    return PydanticCustomError("suite", "{text}", {"text": text, "place": place})


def _mappings(entries: object) -> object:
    if not isinstance(entries, list):
        return entries
    return [{"name": e} if isinstance(e, str) else e for e in entries]


def _checked(seeds: tuple[int, ...]) -> tuple[int, ...]:
    for seed in seeds:
        if not 0 <= seed < 2**31:
            raise ValueError(f"seed {seed}: a seed is a whole number from 0 to 2147483647")
    if len(set(seeds)) < len(seeds):
        raise ValueError("a seed stands twice")
    return seeds


class Suite(Frozen):
    """A grid: every method on every data with every seed.

    Attributes:
        title: one line, shown when it runs.
        methods: names, or methods with parameters; of each table without methods of its own.
        data: names such as ``isic2018@lt100``, or tables with terms of their own.
        seeds: of initialisation, order and augmentation; each cell is trained once with each.
        normalisation: ``weights`` is that of the weights; the others are told below.
        weights: that networks start from, told below.
        features: a file of one's own features, told below.
        time_limit: of a cell, which fails when it takes longer: a number of ``s``, ``min``, ``h``
            or ``d``, such as ``2 h``. ``auto``: 20 times the estimate of its time, at least 1 h.
            No term: it changes no number.

    The rest are the terms of its tables, see ``Terms``.
    """

    title: str = ""
    methods: tuple[MethodEntry, ...] = ()
    data: tuple[DataEntry, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    image_size: PositiveInt | tuple[PositiveInt, PositiveInt] = 28
    augment: Augmentation = "symmetries"
    normalisation: Wanted | Channels = "weights"
    backbone: str = "test_resnet"
    weights: str = "none"
    features: str = ""
    head: Head = "linear"
    budget: Budget = Budget()
    selection: Selection = "best_balanced_accuracy"
    draws: PositiveInt = 1
    folds: Folds = 0
    validation: Validation = "whole"
    test_episodes: PositiveInt = 600
    acquire: PositiveInt = 20
    rounds: PositiveInt = 10
    time_limit: str = "auto"

    @field_validator("time_limit")
    @classmethod
    def _time(cls, text: str) -> str:
        return text if seconds_of(text) else "auto"

    @field_validator("methods", "data", mode="before")
    @classmethod
    def _names(cls, entries: object) -> object:
        return _mappings(entries)

    @field_validator("seeds")
    @classmethod
    def _seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        return _checked(seeds)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        named = [f"{DataName.parse(d.name)} {d.model_dump(exclude={'name'})}" for d in self.data]
        for i, entry in enumerate(self.data):
            if named[i] in named[:i]:
                raise _wrong(f"the data {DataName.parse(entry.name)} stands twice", "data", i)
            where = ("data", i) if entry.methods else ()
            if not (rows := self.methods_of(entry)):
                raise _wrong(f"no methods for {entry.name}: list them under methods", "data", i)
            for j, row in enumerate(rows):
                if row in rows[:j]:
                    raise _wrong(f"the method {row.name} stands twice", *where, "methods", j)
            budget = self.budget_of(entry)
            if wrong := budget.contradiction():
                raise _wrong(wrong, *(("data", i) if entry.budget else ()), "budget")
            augment, head = entry.augment or self.augment, entry.head or self.head
            if wrong := Terms.misuse(budget, augment, head):
                raise _wrong(wrong, *(("data", i) if entry.augment or entry.head else ()))
        return self

    def methods_of(self, entry: DataEntry) -> tuple[MethodEntry, ...]:
        """The methods of a table: its own, or the suite's."""
        return entry.methods or self.methods

    def budget_of(self, entry: DataEntry) -> Budget:
        """The suite's budget with what a table has otherwise."""
        given = entry.budget.model_dump(exclude_unset=True) if entry.budget else {}
        if self.features_of(entry):
            given["tune"] = "frozen"
        return Budget.model_validate(self.budget.model_dump() | given)

    def features_of(self, entry: DataEntry) -> str:
        """The file of features that stands in for a table's images; empty for images."""
        return self.features if entry.features is None else entry.features

    def cells(self) -> Iterator[Cell]:
        """The grid, method by method.

        Raises:
            MedtailError: an unknown method, dataset or regime, two files of one name, or weights
                that cannot be had.
        """
        size = self.image_size if isinstance(self.image_size, tuple) else (self.image_size,) * 2
        channels: list[int] = []
        for entry in self.data:
            for key in {*TERMS, "batch_size", "fold"} & set(entry.params):
                how = HOW.get(key, TERM)
                raise MedtailError(f"{entry.name}: {key} is a term of a table, no argument: {how}")
            channels.append(datamodules.build(entry.name, size, **entry.params).in_channels)
        files: dict[Terms, dict[str, Any]] = {}
        for entry, amount in zip(self.data, channels, strict=True):
            name = DataName.parse(entry.name)
            own = {f: getattr(entry, f) for f in TERMS if getattr(entry, f, None) is not None}
            own = {field: getattr(self, field) for field in TERMS} | own
            if file := own.pop("features"):
                said = self.model_fields_set | entry.model_fields_set
                own = own_features.as_terms(file, own, said)
            else:
                chosen = (own["weights"], own["normalisation"], own["backbone"])
                own["weights"], own["normalisation"] = resolved(*chosen, amount)
            params, local = datamodules.parted(name.dataset, entry.params)
            terms = Terms(
                data=str(name),
                data_params=params,
                local=local,
                image_size=size,
                budget=self.budget_of(entry),
                **own,
            )
            if files.setdefault(terms.model_copy(update={"local": {}}), local) != local:
                raise MedtailError(
                    f"{name}: two files of one name, which no board could tell apart: "
                    f"{', '.join(map(str, local.values()))}; rename one, or give each its own "
                    "name by 'medtail data add'"
                )
            seeds = entry.seeds or self.seeds
            parts = list(with_draws(terms, seeds))
            for method in self.methods_of(entry):
                params, label = _resolved(method)
                for seed, part in parts:
                    yield Cell(
                        method=method.name, params=params, label=label, seed=seed, terms=part
                    )


def _resolved(entry: MethodEntry) -> tuple[dict[str, Any], str]:
    """A method's parameters, defaults included, and its row: what differs from the defaults."""
    usual, known = methods.defaults(entry.name), methods.parameters(entry.name)
    for name in entry.params.keys() - usual.keys():
        if name in TERMS:
            raise MedtailError(f"{entry.name}: {name} is a term of a table, no parameter: {TERM}")
        if name not in known:
            raise unknown(f"parameter of {entry.name}", name, usual)
    params = methods.told(entry.name, usual | entry.params)
    changed = [f"{k}={v}" for k, v in sorted(params.items()) if k not in usual or v != usual[k]]
    return params, f"{entry.name}({', '.join(changed)})" if changed else entry.name
