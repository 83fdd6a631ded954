"""Datasets: one module here = one public LightningDataModule; the folder is the registry."""

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from .core.base import ImageDataModule
from .core.errors import unknown
from .core.names import DataName


@cache
def registry() -> dict[str, type[ImageDataModule]]:
    """Every dataset slug -> its class."""
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
    return found


def build(name: str, image_size: int | tuple[int, int] = 28, **arguments: Any) -> ImageDataModule:  # noqa: ANN401
    """The data module of ``name`` (``dataset[+variant][@regime]``), not yet prepared.

    Args:
        name: such as ``isic2018@lt100``.
        image_size: (height, width) in pixels, or one number for a square.
        arguments: further arguments of the data module's class.

    Raises:
        MedtailError: unknown dataset, variant or regime.
    """
    parsed = DataName.parse(name)
    if parsed.dataset not in registry():
        raise unknown("dataset", parsed.dataset, registry())
    return registry()[parsed.dataset](parsed, image_size, **arguments)
