"""What is known of a method before it is imported, read from its source.

Importing a method imports torch, timm and Lightning, which takes seconds. Names, cards, tracks and
defaults of parameters stand in the text of its file and of its bases', and are all that a list, a
suite or a table needs. ``of_class`` says the same of a class; a test holds the two together.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]  # the folder of methods
PACKAGE = __name__.rpartition(".core.")[0]


@dataclass(frozen=True)
class Entry:
    """A method, not imported.

    Attributes:
        name: slug.
        summary: first line of its card.
        paper: short reference.
        status: ``faithful`` or ``reconstruction``.
        tracks: problem settings that it can run in.
        parents: names of the classes that it inherits from, the nearest first, up to ``Method``.
        arguments: its keyword-only arguments with their defaults.
        begins_as: slugs of the methods that train a stage of it.
        before: of arguments that are younger than some results, the value those were made with,
            which is the default.
    """

    name: str
    summary: str
    paper: str
    status: str
    tracks: tuple[str, ...]
    parents: tuple[str, ...]
    arguments: dict[str, Any]
    begins_as: tuple[str, ...]
    before: dict[str, Any]


class UnreadableError(Exception):
    """The source does not say it as a constant: the class must be asked."""


def of_class(name: str, family: type) -> Entry:
    """The same of a class that is imported."""
    card = sys.modules[family.__module__].__doc__ or ""
    stages: tuple[Any, ...] = getattr(family, "stages", ())
    return Entry(
        name=name,
        summary=card.strip().partition("\n")[0],
        paper=getattr(family, "paper", ""),
        status=getattr(family, "status", ""),
        tracks=tuple(getattr(family, "tracks", ())),
        parents=tuple(_up_to_method([parent.__name__ for parent in family.__mro__[1:]])),
        arguments={
            parameter.name: parameter.default
            for parameter in signature(family).parameters.values()
            if parameter.kind is Parameter.KEYWORD_ONLY
        },
        begins_as=tuple(stage.by for stage in stages if stage.by),
        before=dict(getattr(family, "before", {})),
    )


def of_source(name: str) -> Entry:
    """An entry from ``<name>.py`` in the folder of methods and from the files of its bases.

    Raises:
        UnreadableError: a value is no constant, or a base lies outside of ``methods``.
    """
    path = HERE / f"{name}.py"
    chains = [list(_chain(path, name)) for name in _classes(path) if not name.startswith("_")]
    found = [chain for chain in chains if chain[-1][1].name == "Method"]
    if len(found) != 1:
        raise UnreadableError(f"{path}: one public Method, not {len(found)}")
    (chain,) = found
    card = ast.get_docstring(_tree(path)) or ""
    return Entry(
        name=name,
        summary=card.strip().partition("\n")[0],
        paper=_attribute(chain, "paper"),
        status=_attribute(chain, "status"),
        tracks=tuple(_attribute(chain, "tracks")),
        parents=tuple(_up_to_method([node.name for _, node in chain[1:]])),
        arguments=_arguments(chain),
        begins_as=_begins_as(chain),
        before=dict(_attribute(chain, "before")),
    )


def common_arguments() -> dict[str, Any]:
    """The arguments that every method has, with their defaults."""
    path = HERE / "core" / "base.py"
    return _arguments([(path, _classes(path)["Method"])])


def _up_to_method(names: list[str]) -> list[str]:
    return names[: names.index("Method") + 1] if "Method" in names else names


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _classes(path: Path) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in _tree(path).body if isinstance(node, ast.ClassDef)}


def _imported(path: Path, name: str) -> tuple[Path, str]:
    """The file below ``methods`` that defines a name which ``path`` imports, and its name there."""
    for node in _tree(path).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        module = node.module or ""
        if node.level:
            folder = path.parents[node.level - 1]
        elif module.startswith(f"{PACKAGE}."):
            folder, module = HERE, module.removeprefix(f"{PACKAGE}.")
        else:
            continue
        for alias in node.names:
            found = folder.joinpath(*module.split(".")).with_suffix(".py")
            if (alias.asname or alias.name) == name and found.is_file():
                return found, alias.name
    raise UnreadableError(f"{path}: where {name} comes from")


def _chain(path: Path, name: str) -> Iterator[tuple[Path, ast.ClassDef]]:
    """A class, its base, the base's base: up to ``Method``, or to what lies outside.

    Raises:
        UnreadableError: several bases, of which one is ours: only Python knows their order.
    """
    if name not in _classes(path):
        path, name = _imported(path, name)
    node = _classes(path)[name]
    yield path, node
    ours = [base for base in node.bases if isinstance(base, ast.Name) and _is_ours(path, base.id)]
    if ours and name != "Method":
        if len(node.bases) > 1:
            raise UnreadableError(f"{path}: the bases of {name}")
        yield from _chain(path, ours[0].id)


def _is_ours(path: Path, name: str) -> bool:
    try:
        return name in _classes(path) or bool(_imported(path, name))
    except UnreadableError:
        return False


Chain = list[tuple[Path, ast.ClassDef]]


def _assigned(body: list[ast.stmt], name: str) -> ast.expr | None:
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value: ast.expr | None = getattr(node, "value", None)
            return value
    return None


def _attribute(chain: Chain, name: str) -> Any:  # noqa: ANN401 - a constant of any type
    for path, node in chain:
        if (value := _assigned(node.body, name)) is not None:
            return _constant(path, value)
    raise UnreadableError(f"{chain[0][0]}: {name}")


def _begins_as(chain: Chain) -> tuple[str, ...]:
    for path, node in chain:
        if (value := _assigned(node.body, "stages")) is not None:
            calls = [part for part in ast.walk(value) if isinstance(part, ast.Call)]
            words = [word for call in calls for word in call.keywords if word.arg == "by"]
            return tuple(_constant(path, word.value) for word in words)
    return ()


def _arguments(chain: Chain) -> dict[str, Any]:
    """Keyword-only arguments of the nearest ``__init__``."""
    for path, node in chain:
        for part in node.body:
            if isinstance(part, ast.FunctionDef) and part.name == "__init__":
                pairs = zip(part.args.kwonlyargs, part.args.kw_defaults, strict=True)
                return {
                    argument.arg: Parameter.empty if value is None else _constant(path, value)
                    for argument, value in pairs
                }
    return {}


def _constant(path: Path, value: ast.expr) -> Any:  # noqa: ANN401
    """A literal, or the name of one in the same file or the one it is imported from."""
    if isinstance(value, ast.Name):
        found = _assigned(_tree(path).body, value.id)
        if found is None:
            path, name = _imported(path, value.id)
            found = _assigned(_tree(path).body, name)
        if found is None:
            raise UnreadableError(f"{path}: {value.id}")
        return _constant(path, found)
    try:
        return ast.literal_eval(value)
    except ValueError as error:
        raise UnreadableError(f"{path}, line {value.lineno}: {ast.unparse(value)}") from error
