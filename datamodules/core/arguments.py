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


Folding = tuple[int, int, int, bool]


def which_fold(
    owner: str,
    folds: Any,  # noqa: ANN401
    fold: Any,  # noqa: ANN401
    beside: Any = 0,  # noqa: ANN401
    hold_out: Any = False,  # noqa: ANN401
) -> Folding:
    """(folds, fold, beside, hold_out), where the fold is one of them; zeros for no folds.

    Raises:
        MedtailError: one fold alone, or a number that is no fold's.
    """
    numbers = (("folds", folds), ("fold", fold), ("beside", beside))
    folds, fold, beside = (whole_number(owner, n, v) for n, v in numbers)
    if folds == 1 or not (1 <= fold <= folds or folds == fold == 0):
        raise MedtailError(
            f"{owner}: folds={folds}, fold={fold}: give 2 folds or more, and one of them from 1"
        )
    if beside and (beside == fold or not beside <= folds or folds < 3):
        raise MedtailError(
            f"{owner}: folds={folds}, fold={fold}, beside={beside}: give another fold, of 3 or more"
        )
    if not isinstance(hold_out, bool):
        raise MedtailError(f"{owner}: hold_out={hold_out!r}: write true or false")
    return folds, fold, beside, hold_out


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
