"""Trainings that several cells have in common: which they are, what they depend on."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from medtail import methods
from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.base import Method

from ..grid.cell import Cell, Terms, digest
from . import code as code_of


def shared_slugs() -> set[str]:
    """Methods whose whole training is a stage of another method."""
    return {slug for name in methods.names() for slug in methods.describe(name).begins_as}


def key_of(what: list[object], terms: Terms, data: ImageDataModule, code: str) -> str:
    """Stands for all that a training depends on."""
    content = [data.content.data, data.kept.tolist(), data.target[data.kept].tolist()]
    settings, pixels = terms.content, data.content.pixels
    return digest([*what, settings, content, pixels, code_of.shared_digest(), code])


def made_of(path: Path, code: list[str]) -> dict[str, Any]:
    """What stands beside a kept training: its name, which has the key, and digests of its code."""
    return {"training": path.stem, "code": code}


def is_shared(cell: Cell) -> bool:
    """Whether a cell's whole training is a stage of other methods, too."""
    usual = methods.told(cell.method, methods.defaults(cell.method))
    return cell.params == usual and cell.method in shared_slugs()


def take_over(method: Method, state: dict[str, Any], by: str) -> None:
    """Load a shared stage, in its own precision.

    A method that moved the backbone must not keep random weights.
    """
    if any(value.dtype == torch.float64 for value in state.values() if isinstance(value, Tensor)):
        method.double()
    loaded = method.load_state_dict(state, strict=False)
    lost = [k for k in loaded.missing_keys if k.startswith(("backbone.", "classifier."))]
    if lost or loaded.unexpected_keys:
        first = (lost + loaded.unexpected_keys)[0]
        raise MedtailError(
            f"{type(method).__name__} does not have the network that {by} trained ({first}): "
            "keep `backbone` and `classifier` until a stage of its own is entered"
        )
