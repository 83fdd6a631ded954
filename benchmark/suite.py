"""Suites: YAML files that name methods, data, seeds and terms -> the cells of a grid."""

import difflib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator

import datamodules
import methods
from datamodules.core.errors import MedtailError, unknown
from datamodules.core.names import DataName
from datamodules.core.transforms import Augmentation

from .cell import Budget, Cell, Frozen, Selection, Terms

FOLDER = Path(__file__).parent / "suites"


class MethodEntry(Frozen):
    """A method with its parameters."""

    name: str
    params: dict[str, Any] = {}


class DataEntry(Frozen):
    """A dataset under a regime; ``budget`` changes single values of the suite's budget for it."""

    name: str
    params: dict[str, Any] = {}
    budget: dict[str, Any] = {}


class Suite(Frozen):
    """A grid: every method on every data with every seed.

    Attributes:
        title: one line, shown when it runs.
        methods: slugs, or mappings of ``name`` and ``params``.
        data: names, or mappings of ``name``, ``params`` (of the data module) and ``budget``.
        seeds: of initialisation, order and augmentation.
        image_size, augment, backbone, pretrained, budget, selection: see ``benchmark.cell.Terms``.
    """

    title: str = ""
    methods: tuple[MethodEntry, ...] = Field(min_length=1)
    data: tuple[DataEntry, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    image_size: int | tuple[int, int] = 28
    augment: Augmentation = "symmetries"
    backbone: str = "test_resnet"
    pretrained: bool = False
    budget: Budget = Budget()
    selection: Selection = "best_balanced_accuracy"

    @field_validator("methods", "data", mode="before")
    @classmethod
    def _names(cls, entries: object) -> object:
        if not isinstance(entries, list):
            return entries
        return [{"name": e} if isinstance(e, str) else e for e in entries]

    @field_validator("seeds")
    @classmethod
    def _seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        for seed in seeds:
            if not 0 <= seed < 2**31:
                raise ValueError(f"seed {seed}: a seed is a whole number from 0 to 2147483647")
        if len(set(seeds)) < len(seeds):
            raise ValueError("a seed stands twice")
        return seeds

    def cells(self) -> Iterator[Cell]:
        """The grid, method by method; ``MedtailError`` for an unknown method, dataset or regime."""
        size = self.image_size if isinstance(self.image_size, tuple) else (self.image_size,) * 2
        for method in self.methods:
            methods.get(method.name)
        for entry in self.data:
            datamodules.build(entry.name, size, **entry.params)
        for entry in self.data:
            budget = Budget.model_validate(self.budget.model_dump() | entry.budget)
            terms = Terms(
                data=str(DataName.parse(entry.name)),
                data_params=entry.params,
                image_size=size,
                augment=self.augment,
                backbone=self.backbone,
                pretrained=self.pretrained,
                budget=budget,
                selection=self.selection,
            )
            for method in self.methods:
                for seed in self.seeds:
                    yield Cell(method=method.name, params=method.params, seed=seed, terms=terms)


def suite_names() -> list[str]:
    """Names of the suites that come with medtail."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def find(name: str) -> Path:
    """The file of a suite: a name of ours, or a path; ``MedtailError`` with the nearest names."""
    path = FOLDER / f"{name}.yaml"
    if path.is_file():
        return path
    if name.endswith((".yaml", ".yml")) or "/" in name:
        if Path(name).is_file():
            return Path(name)
        raise MedtailError(f"no suite file {name}")
    raise unknown("suite", name, suite_names())


def _line(root: yaml.Node | None, place: tuple[Any, ...]) -> int:
    """The line of a value in a YAML tree, from 1; of its nearest parent where it is absent."""
    node, line = root, 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(part)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif (
            isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value)
        ):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _explain(path: Path, root: yaml.Node | None, error: ValidationError) -> MedtailError:
    first = error.errors()[0]
    place = tuple(p for p in first["loc"] if not (isinstance(p, str) and ("[" in p or p == "int")))
    key = ".".join(map(str, place))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        parts: dict[str, type[Frozen]] = {
            "budget": Budget,
            "methods": MethodEntry,
            "data": DataEntry,
        }
        model = next((parts[str(p)] for p in place[:-1] if p in parts), Suite)
        near = difflib.get_close_matches(str(place[-1]), model.model_fields, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(model.model_fields)}"
        message = f"unknown key; {hint}"
    return MedtailError(f"{path.name}, line {_line(root, place)}, {key or 'whole file'}: {message}")


def _override(values: dict[str, Any], assignment: str) -> None:
    """Apply ``key.key=value`` in place; the value is read as YAML."""
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise MedtailError(f"--set {assignment}: write key=value, such as budget.epochs=3")
    *parents, last = key.split(".")
    for part in parents:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise MedtailError(f"--set {assignment}: '{part}' has no parts")
    values[last] = yaml.safe_load(text)


def load(name: str, overrides: tuple[str, ...] = ()) -> Suite:
    """Read a suite.

    Args:
        name: of one of our suites, or a path.
        overrides: assignments such as ``budget.epochs=3``, applied before validation.

    Raises:
        MedtailError: unknown suite, malformed YAML (file, line, key), bad values.
    """
    path = find(name)
    text = path.read_text()
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise MedtailError(f"{path.name}{line}: not YAML: {error.problem}") from error
    if not isinstance(values, dict):
        raise MedtailError(
            f"{path.name}, line 1: a suite is a mapping with methods, data, seeds, ..."
        )
    for assignment in overrides:
        _override(values, assignment)
    try:
        return Suite.model_validate(values)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        for assignment in overrides:
            if where.startswith(assignment.partition("=")[0]):
                raise MedtailError(f"--set {assignment}: {error.errors()[0]['msg']}") from error
        raise _explain(path, root, error) from error


def select(cells: list[Cell], method: str = "", data: str = "", seed: str = "") -> list[Cell]:
    """Cells that match all filters: comma-separated globs for methods and data, numbers for seeds.

    Raises:
        MedtailError: a filter that matches nothing, with what there is.
    """
    kept = cells
    rows = {c.method for c in cells} | {c.row for c in cells}
    for text, known, kind in (
        (method, sorted(rows), "method"),
        (data, sorted({c.terms.data for c in cells}), "data"),
        (seed, sorted({str(c.seed) for c in cells}), "seed"),
    ):
        if not text:
            continue
        globs = [part.strip() for part in text.split(",") if part.strip()]
        for glob in globs:
            # A dataset's name alone stands for all its regimes.
            if not any(fnmatchcase(k, glob) or k.partition("@")[0] == glob for k in known):
                raise MedtailError(
                    f"--{kind} {glob}: nothing of this suite matches; it has {', '.join(known)}"
                )

        def matches(value: str, globs: list[str] = globs) -> bool:
            return any(fnmatchcase(value, g) or value.partition("@")[0] == g for g in globs)

        if kind == "method":
            kept = [c for c in kept if matches(c.method) or matches(c.row)]
        elif kind == "data":
            kept = [c for c in kept if matches(c.terms.data)]
        else:
            kept = [c for c in kept if matches(str(c.seed))]
    return kept
