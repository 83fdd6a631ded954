"""Datasets: one module here = one public LightningDataModule; the folder is the registry.

Packages outside the project add theirs by entry points of the group ``medtail.datasets``, and
anybody by a folder with a ``dataset.yaml`` in the data root.
"""

import sys
from functools import cache
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from .core.errors import DataError, MedtailError, unknown
from .core.names import DataName
from .core.plugins import SLUG, package_of, plugins

if TYPE_CHECKING:
    from .core.base import ImageDataModule

GROUP = "medtail.datasets"
OWN = "dataset.yaml"


def registry() -> "dict[str, type[ImageDataModule]]":
    """Every dataset slug -> its class; those of one's own are looked for each time.

    Raises:
        MedtailError: an installed package registers what is no dataset or cannot be imported.
    """
    from .core.own.described import OwnDataset

    return written() | {name: OwnDataset for name, problem in own().items() if not problem}


def own(root: Path | None = None) -> dict[str, str]:
    """Folders of the data root with a ``dataset.yaml`` -> why it has no name; empty where it has.

    What the file says is read when the dataset is built, so that a broken one is its own trouble.
    """
    from .core.source import data_root

    found = sorted(path.parent.name for path in (root or data_root()).glob(f"*/{OWN}"))
    return {name: wrong_name(name) for name in found}


def wrong_name(name: str) -> str:
    """Why a dataset of one's own cannot have this name; empty where it can."""
    if not SLUG.fullmatch(name):
        return (
            f"'{name}' is no name of a dataset: write small letters, digits and _, such as skin_2"
        )
    if name in written():
        return (
            f"'{name}' is a dataset that medtail has: give the folder, and its {OWN}, another name"
        )
    return ""


@cache
def written() -> "dict[str, type[ImageDataModule]]":
    """The datasets that have a Python file, here or in an installed package.

    Raises:
        MedtailError: as ``registry``.
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
    """Where a dataset comes from: a package with its version, or a file; empty for one of ours."""
    if name not in written():
        return f"{name}/{OWN}"
    found = written()[name]
    return "" if found.__module__.startswith(f"{__name__}.") else package_of(GROUP, found)


def title(name: str) -> str:
    """What a dataset is, or why it cannot be used, in a line."""
    if name not in written():
        try:
            return build(name).title
        except MedtailError as error:
            return str(error)
    module = written()[name]
    first = (sys.modules[module.__module__].__doc__ or "").strip().partition("\n")[0]
    return module.refused.get(name) or module.title or first


def get(name: str, root: Path | str | None = None) -> "type[ImageDataModule]":
    """The class of a dataset.

    Args:
        name: its slug.
        root: data root, where one's own is looked for; default ``MEDTAIL_DATA``.

    Raises:
        MedtailError: there is none, with the nearest names; one of its family refuses the name; or
            one's own has a name that is taken.
    """
    from .core.own.described import OwnDataset
    from .core.source import data_root

    if ((Path(root) if root else data_root()) / name / OWN).is_file():
        if problem := wrong_name(name):
            raise DataError(f"{name}/{OWN}: {problem}")
        return OwnDataset
    known = written()
    if name not in known:
        for family in known.values():
            if name in family.refused:
                raise DataError(f"{name}: {family.refused[name]}")
        raise unknown("dataset", name, registry())
    return known[name]


def parameters(name: str, root: Path | str | None = None) -> dict[str, Any]:
    """A dataset's own arguments with their defaults, and those of every dataset."""
    from .core.base import ImageDataModule

    return {
        parameter.name: parameter.default
        for owner in (get(name, root), ImageDataModule)
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
    root = arguments.get("root")
    root = root if isinstance(root, (str, Path)) else None  # anything else is refused below
    known = parameters(parsed.dataset, root)
    for argument in arguments:
        if argument not in known:
            raise unknown(f"argument of {parsed.dataset}", argument, known)
    return get(parsed.dataset, root)(parsed, image_size, **arguments)
