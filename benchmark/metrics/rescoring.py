"""The metrics of other predictions on the test of a record that is known."""

from collections.abc import Sequence

import numpy as np

from ..evidence.predictions import Predictions
from ..evidence.record import Metrics, Record
from . import long_tail, one_class


def rescored(
    example: Record, test: Predictions, val: Predictions | None = None
) -> dict[str, Metrics]:
    """``metrics`` and, of the long tail, ``balanced`` of a record.

    Args:
        example: a record of the long tail or of one-class on the same classes.
        test: what is scored.
        val: of validation; without it what needs a threshold is undefined.
    """
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
