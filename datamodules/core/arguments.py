"""Checks of a data module's arguments: a bad value is one clear line before any file is read."""

from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from .contract import Augmentation
from .errors import MedtailError, unknown

Copies = Literal["refuse", "exclude"]


def whole_number(owner: str, name: str, value: Any, least: int = 0) -> int:  # noqa: ANN401
    """``value``, where it is a whole number.

    Args:
        owner: the data's name, for the message.
        name: of the argument.
        value: what was given.
        least: the smallest that is allowed.

    Raises:
        MedtailError: it is no whole number, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise MedtailError(f"{owner}: {name}={value!r}: give a whole number, {least} or more")
    return int(value)


def given_path(owner: str, name: str, value: Any) -> Path:  # noqa: ANN401
    """``value`` as a path, where it is one; else raises ``MedtailError``."""
    if not isinstance(value, (str, Path)):
        raise MedtailError(f"{owner}: {name}={value!r}: give a path")
    return Path(value)


def height_width(owner: str, value: Any) -> tuple[int, int]:  # noqa: ANN401
    """(height, width) of one number or two.

    Raises:
        MedtailError: ``value`` is neither, or a number is below 1.
    """
    sides = value if isinstance(value, (tuple, list)) else (value, value)
    if len(sides) != 2:
        raise MedtailError(f"{owner}: image_size={value!r}: give one number, or (height, width)")
    height, width = (whole_number(owner, "image_size", side, 1) for side in sides)
    return height, width


def augmentation(name: str) -> Augmentation:
    """``name``, where there is such an augmentation; else raises ``MedtailError``."""
    for known in get_args(Augmentation):
        if name == known:
            found: Augmentation = known
            return found
    raise unknown("augmentation", str(name), get_args(Augmentation))


def treatment_of_copies(owner: str, value: str) -> Copies:
    """``value``, where it is one of ``Copies``; else raises ``MedtailError``."""
    for known in get_args(Copies):
        if value == known:
            found: Copies = known
            return found
    raise MedtailError(f"{owner}: copies={value!r}: write {' or '.join(get_args(Copies))}")
