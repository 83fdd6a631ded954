"""Checks of a data module's arguments: a bad value is one clear line before any file is read."""

from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from .contract import Augmentation, Constants, Normalisation, Validation
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


def which_fold(owner: str, folds: Any, fold: Any) -> tuple[int, int]:  # noqa: ANN401
    """(folds, fold), where the one is one of the others; (0, 0) for no cross-validation.

    Raises:
        MedtailError: one fold alone, or a number that is no fold's.
    """
    folds, fold = (whole_number(owner, n, v) for n, v in (("folds", folds), ("fold", fold)))
    if folds == 1 or not (1 <= fold <= folds or folds == fold == 0):
        raise MedtailError(
            f"{owner}: folds={folds}, fold={fold}: give 2 folds or more, and one of them from 1"
        )
    return folds, fold


def treatment_of_validation(owner: str, value: str) -> Validation:
    """``value``, where it says what a regime makes of validation; else raises ``MedtailError``."""
    for known in get_args(Validation):
        if value == known:
            found: Validation = known
            return found
    choices = " or ".join(get_args(Validation))
    raise MedtailError(f"{owner}: validation={value!r}: write {choices}")


def given_normalisation(owner: str, value: Any) -> Normalisation | Constants:  # noqa: ANN401
    """``value``, where it is the name of a normalisation, or (means, standard deviations).

    Raises:
        MedtailError: it is neither, or a number is out of range.
    """
    for known in get_args(Normalisation):
        if isinstance(value, str) and value == known:
            found: Normalisation = known
            return found
    if isinstance(value, str):
        raise unknown("normalisation", value, get_args(Normalisation))
    try:
        mean, std = (tuple(float(number) for number in numbers) for numbers in value)
    except (TypeError, ValueError) as error:
        raise MedtailError(
            f"{owner}: normalisation={value!r}: give {', '.join(get_args(Normalisation))}, or "
            "(means, standard deviations) of the channels"
        ) from error
    if wrong := wrong_constants(mean, std):
        raise MedtailError(f"{owner}: normalisation: {wrong}")
    return mean, std


def wrong_constants(mean: tuple[float, ...], std: tuple[float, ...]) -> str:
    """Why these cannot be means and deviations of channels; empty where they can."""
    if not (mean and len(mean) == len(std)):
        return f"{len(mean)} means, {len(std)} deviations"
    if not (all(0 <= m <= 1 for m in mean) and all(0 < s <= 1 for s in std)):
        return (
            f"means {list(mean)}, deviations {list(std)}: they are of pixels from 0 to 1; divide "
            "what is of 0 to 255 by 255"
        )
    return ""
