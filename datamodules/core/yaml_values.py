"""YAML as it is meant: names stay as they are written, ``1e-3`` is a number, a key stands once."""

import re
from collections.abc import Collection
from typing import Any

import yaml

from .errors import MedtailError

NAMES = ("title", "name", "classes")
MOST, LONGEST = 2**63 - 1, 100  # of a whole number, and of its digits in any base
LISTS = ("classes",)  # names in a list; alone it is a number of classes, as some methods take


class Loader(yaml.SafeLoader):
    """YAML 1.1 without objects, but with the floats of YAML 1.2, such as ``1e-3``."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """A whole number of 64 bits, as JSON and Parquet have it."""
        value = super().construct_yaml_int(node) if len(node.value) < LONGEST else MOST + 1
        if abs(value) > MOST:
            raise yaml.constructor.ConstructorError(
                problem="a number of more than 64 bits", problem_mark=node.start_mark
            )
        return value


Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_yaml_int)


class Dumper(yaml.SafeDumper):
    """Quotes what ``Loader`` would not read as text."""


for side in (Loader, Dumper):
    side.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"),
        list("-+0123456789"),
    )


def compose(text: str) -> yaml.Node | None:
    """The tree of a YAML text, with the line of every value; None where it is empty.

    Raises:
        yaml.YAMLError: it is no YAML, or a key stands twice.
    """
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=Loader)
    except RecursionError:
        raise yaml.composer.ComposerError(problem="lists or mappings too deep") from None
    return root


def construct(root: yaml.Node | None, names: Collection[str] = NAMES, within: bool = False) -> Any:  # noqa: ANN401
    """The value of a tree.

    Args:
        root: of ``compose``; its scalars below ``names`` become text.
        names: keys whose plain values are names: ``no``, ``0`` and ``1.0`` stay text below them.
        within: whether the whole tree is below such a key.

    Raises:
        yaml.YAMLError: a key stands twice, a tag is unknown, or a number or date is none.
    """
    if root is None:
        return None
    loader = Loader("")
    try:
        _settle(root, frozenset(names), within, set())
        return loader.construct_document(root)
    except (ValueError, TypeError, RecursionError) as error:  # such as a 13th month
        raise yaml.constructor.ConstructorError(problem=str(error)) from error
    finally:
        loader.dispose()


def read(text: str, names: Collection[str] = NAMES) -> Any:  # noqa: ANN401
    """The value of a YAML text; see ``construct``."""
    return construct(compose(text), names)


def write(value: Any) -> str:  # noqa: ANN401
    """A value as YAML, which ``read`` reads as the same: keys in order, a mapping of values on a
    line.
    """
    text: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, default_flow_style=None, width=100)
    return text


def _settle(node: yaml.Node, names: frozenset[str], within: bool, seen: set[int]) -> None:
    """Tag names as text, in place, and refuse keys that stand twice."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        if within and not (node.tag.endswith(":null") and node.value in ("", "~", "null")):
            node.tag = "tag:yaml.org,2002:str"
        return
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            if within and isinstance(item, yaml.ScalarNode) and item.value:
                item.tag = "tag:yaml.org,2002:str"
            else:
                _settle(item, names, within, seen)
        return
    keys: set[str] = set()
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and not key.tag.endswith(":merge"):
            key.tag = "tag:yaml.org,2002:str"
            if key.value in keys:
                raise yaml.composer.ComposerError(
                    problem=f"'{key.value}' stands twice", problem_mark=key.start_mark
                )
            keys.add(key.value)
        _settle(value, names, within or _named(key.value, value, names), seen)


def _named(key: object, value: yaml.Node, names: Collection[str]) -> bool:
    """Whether what stands below a key are names."""
    alone = key in LISTS and isinstance(value, yaml.ScalarNode)
    return isinstance(key, str) and key in names and not alone


def reason(error: yaml.YAMLError) -> str:
    """What is wrong with a YAML text, on one line, without its place."""
    return " ".join(str(getattr(error, "problem", None) or error).split())


def setting(assignment: str, example: str, names: Collection[str] = NAMES) -> tuple[str, Any]:
    """Key and value of a ``--set KEY=VALUE``; the value is YAML.

    Args:
        assignment: what was written.
        example: for the message, such as ``file=my.csv``.
        names: see ``construct``.

    Raises:
        MedtailError: there is no key, no value, or the value is no YAML.
    """
    key, equals, text = (part.strip() for part in assignment.partition("="))
    if not equals or not key:
        raise MedtailError(f"--set {assignment}: write key=value, such as {example}")
    if not text:
        raise MedtailError(
            f"--set {assignment}: no value; write {key}=VALUE ({key}='\"\"' for empty text, "
            f"{key}=null for none)"
        )
    try:
        root = compose(text)
        within = root is not None and _named(key.rpartition(".")[2], root, names)
        return key, construct(root, names, within)
    except yaml.YAMLError as error:
        raise MedtailError(f"--set {assignment}: the value is not YAML: {reason(error)}") from error
