"""The tables of docs/suites.md: every key of a suite, from the types that read it.

``python -m medtail.benchmark.cards.suite_keys docs/suites.md`` writes them between their marks.
"""

import re
import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

import annotated_types as limits
from pydantic.fields import FieldInfo

from ..grid.cell import Budget, Channels, Frozen, Terms
from ..grid.suite import DataEntry, MethodEntry, Suite
from .docstrings import arguments

MODELS: dict[str, type[Frozen]] = {
    "suite": Suite,
    "budget": Budget,
    "data": DataEntry,
    "methods": MethodEntry,
    "normalisation": Channels,
}
ENTRIES = {MethodEntry: "names or [methods](#an-entry-of-methods)",
           DataEntry: "names or [tables](#an-entry-of-data)"}  # fmt: skip
PARTS = {Budget: "[mapping](#the-budget)", Channels: "[mapping](#a-normalisation-in-numbers)"}
PLAIN = {str: "text", bool: "true or false", int: "whole number", float: "number", Any: "any"}
MARKS = re.compile(r"(<!-- keys of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """A page with its tables of keys as the types are now."""
    return MARKS.sub(lambda m: f"{m[1]}\n{table(MODELS[m[2]])}\n{m[3]}", page)


def table(model: type[Frozen]) -> str:
    """Every key of a mapping: type, default, meaning."""
    own = arguments(model, "Attributes")
    told = arguments(Terms, "Attributes") | own
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, field in model.model_fields.items():
        of_suite = model is DataEntry and key not in own
        meaning = "as in the suite" if of_suite else told[key].replace("``", "`")
        cells = (
            f"`{key}`",
            kind(field.annotation, field.metadata),
            _default(model, field),
            meaning,
        )
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _default(model: type[Frozen], field: FieldInfo) -> str:
    value: Any = field.default
    if field.is_required():
        return "required"
    if model is DataEntry and (value is None or field.annotation == tuple[MethodEntry, ...]):
        return "the suite's"
    if isinstance(value, Frozen):
        return "its defaults"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`" if value != "" else "none"


def kind(annotation: Any, metadata: Any = ()) -> str:  # noqa: ANN401 - whatever types allow
    """A type in words, with the limits of its numbers."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind(inside[0], inside[1:])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inside)
    if origin is UnionType or str(origin) == "typing.Union":
        return " or ".join(kind(part, metadata) for part in inside if part is not NoneType)
    if origin is tuple:
        if inside[0] in ENTRIES:
            return f"list of {ENTRIES[inside[0]]}"
        return f"[{', '.join('...' if part is Ellipsis else kind(part) for part in inside)}]"
    if origin is dict:
        return "mapping"
    if annotation in PARTS:
        return PARTS[annotation]
    bounds = [text for limit in metadata if (text := _limit(limit))]
    return " ".join([PLAIN[annotation], *([", ".join(bounds)] if bounds else [])])


def _limit(limit: Any) -> str:  # noqa: ANN401
    for sort, name, words in (
        (limits.Gt, "gt", "above"),
        (limits.Ge, "ge", "from"),
        (limits.Lt, "lt", "below"),
        (limits.Le, "le", "up to"),
    ):
        if isinstance(limit, sort):
            return f"{words} {getattr(limit, name):g}"
    return ""


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
