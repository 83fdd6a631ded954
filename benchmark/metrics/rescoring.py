"""The metrics of other predictions on the test of a record that is known, and of its own."""

import math
from collections.abc import Sequence

import numpy as np

from medtail.datamodules.core.errors import MedtailError, first_line

from ..evidence.predictions import UNREADABLE, Predictions
from ..evidence.record import Metrics, Record, defined
from . import active, few_shot, long_tail, one_class

SAME = 1e-6  # another processor may round otherwise


def rescored(
    example: Record, test: Predictions, val: Predictions | None = None
) -> dict[str, Metrics]:
    """``metrics`` and, of the long tail, ``balanced`` of a record.

    Args:
        example: a record of the same track on the same classes.
        test: what is scored.
        val: of validation; without it what needs a threshold is undefined.
    """
    if test.episode is not None:
        return {"metrics": few_shot.score_episodes(test, example.scored_names)}
    if test.source_class is not None:
        given = len(np.unique(test.source_class[test.target == 0]))
        names: Sequence[str] = [""] * (given + len(example.scored_names))
        return {"metrics": one_class.score(test, val, names)}
    ordinal = example.metrics.get("quadratic_kappa") is not None
    counts = example.class_counts
    return {
        "metrics": long_tail.score(test, val, counts, ordinal),
        "balanced": long_tail.score(test, val, counts, ordinal, "balanced"),
    }


def refuted(record: Record, test: Predictions, val: Predictions | None = None) -> str:
    """What of a record its predictions do not bear out, in words; empty where they do.

    Numbers that older records do not have, and those that follow from more than predictions (the
    list of episodes, what a pool had), are left out.

    Args:
        record: of success.
        test: what lies beside it.
        val: of validation; None where none lies there.
    """
    for name, found, kept in (("", test, record.predictions), (" of validation", val, "")):
        wanted = kept or (record.validation if name else "")
        if found is not None and wanted and found.digest != wanted:
            return f"computed from predictions{name} {wanted}, not from these ({found.digest})"
    try:
        parts = rescored(record, test, val)
        if record.rounds:
            parts["metrics"] |= active.summary(record.rounds, record.rare, 0)
    except (*UNREADABLE, MedtailError) as error:
        return f"its predictions cannot be scored ({first_line(error)})"
    for part, numbers in parts.items():
        kept_numbers = getattr(record, part)
        for name, value in defined(numbers).items():
            # Without validation, or the size of a pool, some are undefined.
            known = not _undefined(value) or (val is not None and not record.rounds)
            if known and name in kept_numbers and not _close(value, kept_numbers[name]):
                return f"its {name} is {kept_numbers[name]}, its predictions give {value}"
    return ""


def _undefined(value: object) -> bool:
    return value is None or (isinstance(value, list) and not any(v is not None for v in value))


def _close(one: object, other: object) -> bool:
    if isinstance(one, list) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_close, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=SAME, abs_tol=SAME)
    return one == other
