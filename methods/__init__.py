"""Methods: a module = a paper = one public LightningModule; the folder is the registry.

Packages outside the project add theirs by entry points of the group ``medtail.methods``. What a
suite or a list must know of a method, ``describe`` reads from its source: nothing is imported.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import unknown
from medtail.datamodules.core.plugins import package_of, plugins

from .core.index import Entry, UnreadableError, common_arguments, of_class, of_source

if TYPE_CHECKING:
    from .core.base import Method

GROUP = "medtail.methods"


@cache
def own() -> tuple[str, ...]:
    """Slugs of the project's methods: the modules of this folder."""
    return tuple(m.name for m in iter_modules([str(Path(__file__).parent)]) if not m.ispkg)


@cache
def _outside() -> "dict[str, type[Method]]":
    """Methods of installed packages; imports nothing where there is none."""
    if not entry_points(group=GROUP):
        return {}
    from .core.base import Method

    return plugins(GROUP, Method, dict.fromkeys(own(), Method), lambda name, _: (name,))


@cache
def _class(name: str) -> "type[Method]":
    """The one public method of a module of this folder."""
    from .core.base import Method

    loaded = import_module(f"{__name__}.{name}")
    public = [
        value
        for key, value in vars(loaded).items()
        if isinstance(value, type)
        and issubclass(value, Method)
        and value.__module__ == loaded.__name__
        and not key.startswith("_")
    ]
    if len(public) != 1:
        raise ImportError(f"{loaded.__file__}: one public Method, not {len(public)}")
    return public[0]


def names() -> list[str]:
    """Every method's slug: its module's name, or that of its entry point."""
    return sorted((*own(), *_outside()))


def registry() -> "dict[str, type[Method]]":
    """Every method's slug -> its class; imports all of them.

    Raises:
        MedtailError: an installed package registers what is no method or cannot be imported.
    """
    return {name: get(name) for name in names()}


def origin(name: str) -> str:
    """The package that a method comes from, with its version; empty for one of ours."""
    return package_of(GROUP, _outside()[name]) if name in _outside() else ""


def get(name: str) -> "type[Method]":
    """The class of a method. Raises ``MedtailError`` with the nearest names where there is none."""
    _known(name)
    return _outside()[name] if name in _outside() else _class(name)


@cache
def describe(name: str) -> Entry:
    """What is known of a method without importing it; of a package's, from its class.

    Raises:
        MedtailError: there is none, with the nearest names.
    """
    _known(name)
    if name in own():
        try:
            return of_source(name)
        except UnreadableError:  # such as a default that is computed
            pass
    return of_class(name, get(name))


def parameters(name: str) -> dict[str, Any]:
    """A method's own parameters with their defaults, and those of every method."""
    return {**describe(name).arguments, **common_arguments()}


def defaults(name: str) -> dict[str, Any]:
    """The parameters that a method has for itself, with their defaults."""
    common = common_arguments()
    return {key: value for key, value in describe(name).arguments.items() if key not in common}


def told(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as identities have them: without those that have the value of ``before``.

    Args:
        name: slug.
        params: all of a row's.
    """
    before = describe(name).before
    return {k: v for k, v in params.items() if k not in before or v != before[k]}


def build(name: str, spec: DataSpec, **arguments: Any) -> "Method":  # noqa: ANN401 - from YAML
    """A method for some data.

    Args:
        name: slug.
        spec: the data.
        arguments: parameters by name, see ``parameters``.

    Raises:
        MedtailError: no such method or parameter, or a bad value.
    """
    known = parameters(name)
    for argument in arguments:
        if argument not in known:
            raise unknown(f"parameter of {name}", argument, known)
    return get(name)(spec, **arguments)


def _known(name: str) -> None:
    """Raise where there is no such method, or where a package is broken: at every command."""
    outside = _outside()
    if name not in own() and name not in outside:
        raise unknown("method", name, names())
