"""Digests of source code: what it does, not how it is written down.

A record keeps the digest of its method's own code, so that a changed method is a cell to run again.
Docstrings, comments, layout and the version of Python (3.11 to 3.13) are no part of it.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .index import HERE, PACKAGE

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _without_docstring(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """The fields of a node that say something: Python 3.13 leaves out what 3.11 has as None."""
    for name, value in ast.iter_fields(node):
        if value is None or value == [] or name in ("kind", "type_comment", "type_ignores"):
            continue
        if name == "body" and isinstance(node, DOCUMENTED) and ast.get_docstring(node, False):
            value = value[1:]
        yield name, value


def _said(value: object) -> object:
    """A syntax tree as nested tuples of names and constants."""
    if isinstance(value, ast.AST):
        fields = [(name, _said(part)) for name, part in _without_docstring(value)]
        return (type(value).__name__, *fields)
    if isinstance(value, list):
        return [_said(part) for part in value]
    return (type(value).__name__, repr(value))


def tree_text(source: str) -> str:
    """The syntax tree of some source as text, equal for sources that do the same in other words."""
    return repr(_said(ast.parse(source)))


@cache
def _file(path: Path, _size: int, _time: int) -> str:
    text = path.read_text(encoding="utf-8")
    return tree_text(text) if path.suffix == ".py" else text


def code_digest(files: Iterable[Path]) -> str:
    """First 16 hex digits of a SHA-256 over the trees of ``files`` by their names.

    Files that are no Python, such as tables of numbers, count with their text.
    """
    sha = hashlib.sha256()
    for path in sorted(files, key=lambda p: (p.name, p)):
        stamp = path.stat()
        sha.update(f"{path.name}\n{_file(path, stamp.st_size, stamp.st_mtime_ns)}\n".encode())
    return sha.hexdigest()[:16]


def _imports(path: Path) -> Iterator[str]:
    """Modules of this folder, such as ``crt``, that a method's file imports from."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = node.module or ""
        if node.level == 0 and module.startswith(f"{PACKAGE}."):
            yield module.removeprefix(f"{PACKAGE}.")
        elif node.level == 1 and path.parent == HERE and module:
            yield module


@cache
def own_files(name: str, module: str = "") -> tuple[Path, ...]:
    """The files that are a method's own: its module, and those of other methods it imports from.

    Args:
        name: slug.
        module: full name of the module that defines it, where a package outside registers it.
    """
    found: dict[Path, None] = {}
    place = find_spec(module) if module else None
    waiting = [Path(place.origin) if place and place.origin else HERE / f"{name}.py"]
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():
            continue
        found[path] = None
        waiting += [HERE / f"{other}.py" for other in _imports(path) if "." not in other]
    return tuple(found)
