"""What pydantic finds wrong with a suite, as one line that names the key and says what to do."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from medtail.datamodules.core.errors import MedtailError

from .cell import Budget, Channels
from .suite import DataEntry, MethodEntry, Suite

Place = tuple[str | int, ...]
MODELS: dict[str, type[BaseModel]] = {
    "methods": MethodEntry,
    "data": DataEntry,
    "budget": Budget,
    "normalisation": Channels,
}
KEYS = set(Suite.model_fields).union(*(model.model_fields for model in MODELS.values()))
# Values that may have one of several forms, of which pydantic tells what is wrong with each.
FORMS = {
    "image_size": "write a number of pixels, or [height, width]",
    "normalisation": "write weights, imagenet, half, dataset or {mean: [...], std: [...]}",
}
# Keys that were, and what to write for the value that they had.
FORMER = {"pretrained": "it is called weights now: write weights: {value}"}


@dataclass(frozen=True)
class Mistake:
    """The first mistake of a suite.

    Attributes:
        place: keys and numbers of entries that lead to it.
        text: what is wrong, in a clause.
    """

    place: Place
    text: str

    @classmethod
    def of(cls, error: ValidationError) -> "Mistake":
        """Of what pydantic found, the first one, in our words."""
        first, *others = error.errors()
        place = _place(first)
        form = FORMS.get(str(place[-1])) if place else None
        if form and isinstance(first["input"], dict):  # tried as a name, then as a mapping
            first = next((other for other in others if _place(other)[: len(place)] == place), first)
            return cls(_place(first), _text(first))
        if form:
            return cls(place, f"{first['input']!r} is none: {form}{_near(first)}")
        return cls(place, _text(first))

    @property
    def words(self) -> str:
        """Key and clause."""
        return f"{'.'.join(map(str, self.place)) or 'whole file'}: {self.text}"

    def within(self, place: Place) -> bool:
        """Whether it is of the value at ``place``, of a part of it, or of what it is a part of."""
        shorter = min(len(self.place), len(place))
        return shorter > 0 and self.place[:shorter] == place[:shorter]


def wrong(values: dict[str, Any]) -> bool:
    """Whether a suite, as it is read from YAML, is none."""
    try:
        Suite.model_validate(values)
    except (ValidationError, MedtailError):
        return True
    return False


def _place(error: ErrorDetails) -> Place:
    """Where it is, without the names that pydantic gives to the forms of a value."""
    if "place" in error.get("ctx", {}):
        given: Place = error["ctx"]["place"]
        return given
    *above, last = error["loc"] or ("",)
    unknown = error["type"] == "extra_forbidden"
    kept = [part for part in above if isinstance(part, int) or part in KEYS]
    return (*kept, last) if unknown or isinstance(last, int) or last in KEYS else tuple(kept)


def _near(error: ErrorDetails) -> str:
    known = re.findall(r"'(\w+)'", error.get("ctx", {}).get("expected", ""))
    near = get_close_matches(str(error["input"]), known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def _text(error: ErrorDetails) -> str:
    place, kind = _place(error), error["type"]
    if kind == "extra_forbidden" and place[-1] in FORMER:
        value = "timm" if error["input"] else "none"
        return f"unknown key; {FORMER[str(place[-1])].format(value=value)}"
    if kind == "extra_forbidden":
        model = next((MODELS[str(p)] for p in reversed(place[:-1]) if p in MODELS), Suite)
        near = get_close_matches(str(place[-1]), model.model_fields, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(model.model_fields)}"
        return f"unknown key; {hint}"
    if kind == "literal_error":
        return f"{error['input']!r} is none of {error['ctx']['expected']}{_near(error)}"
    if kind == "model_type":
        entry = bool(place) and isinstance(place[-1], int)
        return f"write {'a name, or {name: ..., params: ...}' if entry else 'a mapping: {...}'}"
    return {
        "missing": "required, and not there",
        "tuple_type": f"write a list: [{error['input']}]",
        "too_short": "the list is empty",
        "dict_type": "write a mapping: {...}",
    }.get(kind, error["msg"].removeprefix("Value error, "))


def line(root: yaml.Node | None, place: Place) -> int:
    """The line of a value in a YAML tree, from 1; of its nearest parent where it is absent."""
    node, found = root, 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pairs = [(k, v) for k, v in node.value if k.value == str(part)]
            if not pairs:
                break
            found, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
        elif (
            isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value)
        ):
            node = node.value[part]
            found = node.start_mark.line + 1
        else:
            break
    return found
