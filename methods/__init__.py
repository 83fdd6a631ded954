"""Methods: a module = a paper = one public LightningModule; the folder is the registry.

Packages outside the project add theirs by entry points of the group ``medtail.methods``.
"""

from functools import cache
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import unknown
from medtail.datamodules.core.plugins import package_of, plugins

from .core.base import Method

GROUP = "medtail.methods"


@cache
def registry() -> dict[str, type[Method]]:
    """Every method's slug (its module's name, or that of its entry point) -> its class.

    Raises:
        MedtailError: an installed package registers what is no method or cannot be imported.
    """
    found: dict[str, type[Method]] = {}
    for module in iter_modules([str(Path(__file__).parent)]):
        if not module.ispkg:
            loaded = import_module(f"{__name__}.{module.name}")
            public = [
                value
                for name, value in vars(loaded).items()
                if isinstance(value, type)
                and issubclass(value, Method)
                and value.__module__ == loaded.__name__
                and not name.startswith("_")
            ]
            if len(public) != 1:
                raise ImportError(f"{loaded.__file__}: one public Method, not {len(public)}")
            found[module.name] = public[0]
    return found | plugins(GROUP, Method, found, lambda name, _: (name,))


def origin(name: str) -> str:
    """The package that a method comes from, with its version; empty for one of ours."""
    found = get(name)
    return "" if found.__module__.startswith(f"{__name__}.") else package_of(GROUP, found)


def get(name: str) -> type[Method]:
    """The class of a method. Raises ``MedtailError`` with the nearest names where there is none."""
    if name not in registry():
        raise unknown("method", name, registry())
    return registry()[name]


def parameters(name: str) -> dict[str, Any]:
    """A method's own parameters with their defaults, and those of every method."""
    return {
        parameter.name: parameter.default
        for owner in (get(name), Method)
        for parameter in signature(owner).parameters.values()
        if parameter.kind is Parameter.KEYWORD_ONLY
    }


def defaults(name: str) -> dict[str, Any]:
    """The parameters that a method has for itself, with their defaults."""
    common = signature(Method).parameters
    return {key: value for key, value in parameters(name).items() if key not in common}


def build(name: str, spec: DataSpec, **arguments: Any) -> Method:  # noqa: ANN401 - from YAML
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
