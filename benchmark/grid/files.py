"""Reading suites from YAML: a mistake is one line that names file, line and key."""

import difflib
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from medtail.datamodules.core.errors import MedtailError, unknown

from .cell import Budget, Frozen
from .suite import DataEntry, MethodEntry, Suite

FOLDER = Path(__file__).parents[1] / "suites"


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
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise MedtailError(f"--set {assignment}: the value is not YAML") from error


def load(name: str, overrides: tuple[str, ...] = ()) -> Suite:
    """Read a suite.

    Args:
        name: of one of our suites, or a path.
        overrides: assignments such as ``budget.epochs=3``, applied before validation.

    Raises:
        MedtailError: unknown suite, malformed YAML (file, line, key), bad values.
    """
    path = find(name)
    try:
        text = path.read_text()
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise MedtailError(f"{path.name}{line}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise MedtailError(f"{path.name}: no readable YAML in UTF-8: {reason}") from error
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
