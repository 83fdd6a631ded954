"""Datasets: one module here = one public LightningDataModule; the folder is the registry.

Packages outside the project add theirs by entry points of the group ``medtail.datasets``.
"""

from functools import cache
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from .core.errors import DataError, unknown
from .core.names import DataName
from .core.plugins import package_of, plugins

if TYPE_CHECKING:
    from .core.base import ImageDataModule

GROUP = "medtail.datasets"


@cache
def registry() -> "dict[str, type[ImageDataModule]]":
    """Every dataset slug -> its class.

    Raises:
        MedtailError: an installed package registers what is no dataset or cannot be imported.
    """
    from .core.base import ImageDataModule

    found: dict[str, type[ImageDataModule]] = {}
    for module in iter_modules([str(Path(__file__).parent)]):
        if not module.ispkg:
            loaded = import_module(f"{__name__}.{module.name}")
            for value in vars(loaded).values():
                if (
                    isinstance(value, type)
                    and issubclass(value, ImageDataModule)
                    and value.__module__ == loaded.__name__
                ):
                    found |= dict.fromkeys(value.slugs, value)
    return found | plugins(
        GROUP, ImageDataModule, found, lambda _, module: getattr(module, "slugs", ())
    )


def origin(name: str) -> str:
    """The package that a dataset comes from, with its version; empty for one of ours."""
    found = get(name)
    return "" if found.__module__.startswith(f"{__name__}.") else package_of(GROUP, found)


def get(name: str) -> "type[ImageDataModule]":
    """The class of a dataset.

    Raises:
        MedtailError: there is none, with the nearest names; or one of its family refuses the name.
    """
    known = registry()
    if name not in known:
        for family in known.values():
            if name in family.refused:
                raise DataError(f"{name}: {family.refused[name]}")
        raise unknown("dataset", name, known)
    return known[name]


def parameters(name: str) -> dict[str, Any]:
    """A dataset's own arguments with their defaults, and those of every dataset."""
    from .core.base import ImageDataModule

    return {
        parameter.name: parameter.default
        for owner in (get(name), ImageDataModule)
        for parameter in signature(owner).parameters.values()
        if parameter.kind is Parameter.KEYWORD_ONLY
    }


def defaults(name: str) -> dict[str, Any]:
    """The parameters that a dataset has for itself, with their defaults."""
    from .core.base import ImageDataModule

    common = signature(ImageDataModule).parameters
    return {key: value for key, value in parameters(name).items() if key not in common}


def parted(name: str, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A dataset's arguments, defaults included, in two parts: what decides numbers, and the rest.

    The whole path of a file is of the rest, its name without folders of the first: a moved folder
    costs nothing, and no path gets into a record.
    """
    module = get(name)
    asked = defaults(name) | params
    local = {key: value for key, value in asked.items() if key in (*module.local, *module.paths)}
    for key in module.paths:
        if isinstance(value := local.pop(key, None), str | Path):
            local[key] = str(Path(value).absolute())
            asked[key] = Path(value).name
    return {key: value for key, value in asked.items() if key not in module.local}, local


def build(
    name: str,
    image_size: int | tuple[int, int] = 28,
    /,
    **arguments: Any,  # noqa: ANN401
) -> "ImageDataModule":
    """The data module of ``name`` (``dataset[+variant][@regime]``), not yet prepared.

    Args:
        name: such as ``isic2018@lt100``.
        image_size: (height, width) in pixels, or one number for a square.
        arguments: further arguments by name, see ``parameters``.

    Raises:
        MedtailError: unknown dataset, variant, regime or argument, or a bad value.
    """
    parsed = DataName.parse(name)
    known = parameters(parsed.dataset)
    for argument in arguments:
        if argument not in known:
            raise unknown(f"argument of {parsed.dataset}", argument, known)
    return get(parsed.dataset)(parsed, image_size, **arguments)
