"""What a row's stored predictions look like: its confusion matrix, ROC and precision-recall curves.

All are sums or means over the seeds of a row, at places that all rows share, in whole thousandths:
a few kB of a row.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evidence.predictions import Predictions
from ..metrics import score_curves
from ..metrics.one_class import log_odds
from .row import Row
from .section import Section

Json = Any
Floats = NDArray[np.float64]
Curve = Callable[[Floats, NDArray[np.bool_]], Floats | None]
KINDS: dict[str, Curve] = {"roc": score_curves.roc, "precision": score_curves.precision}


def row_curves(section: Section, stored: Mapping[str, Predictions]) -> dict[str, Json]:
    """Of every row of a table whose predictions are all there, by name.

    None of a few-shot table: its scores belong to the two classes of an episode each.

    Args:
        section: the table.
        stored: predictions of the test by cell id.
    """
    if section.track == "few_shot":
        return {}
    of = _one_class if section.track == "one_class" else _several
    return {
        row.name: of(section, seeds)
        for row in (*section.rows, *section.outside)
        if (seeds := _seeds(row, stored))
    }


def places() -> Json:
    """Where all curves are read."""
    return {
        "roc": score_curves.FALSE_POSITIVE_RATES.tolist(),
        "precision": score_curves.RECALLS.tolist(),
    }


def _seeds(row: Row, stored: Mapping[str, Predictions]) -> list[Predictions]:
    found = [stored[r.cell_id] for r in row.done if r.cell_id in stored]
    return found if len(found) == len(row.done) else []


def _several(section: Section, seeds: list[Predictions]) -> Json:
    """One class against the rest, by its probability."""
    classes = len(section.names)
    confusion = np.zeros((classes, classes), int)
    for given in seeds:
        np.add.at(confusion, (given.target, given.probabilities.argmax(1)), 1)
    by_seed = [(given.probabilities, given.target) for given in seeds]
    made: Json = {
        kind: [_mean(curve, [(p[:, k], t == k) for p, t in by_seed]) for k in range(classes)]
        for kind, curve in KINDS.items()
    }
    return made | {"confusion": confusion.tolist()}


def _one_class(section: Section, seeds: list[Predictions]) -> Json:
    """Each abnormal class against the given one, and all of them, by the abnormal score."""
    by_seed = []
    for given in seeds:
        assert given.source_class is not None  # a one-class test has them
        by_seed.append((log_odds(given), given.target == 1, given.source_class))
    normal = {int(k) for _, abnormal, source in by_seed for k in np.unique(source[~abnormal])}
    others = [k for k in range(len(normal) + len(section.names)) if k not in normal]
    made: Json = {}
    for kind, curve in KINDS.items():
        made[kind] = [
            _mean(
                curve, [_against(k, score, abnormal, source) for score, abnormal, source in by_seed]
            )
            for k in others
        ]
        made[f"{kind}_all"] = _mean(curve, [(score, abnormal) for score, abnormal, _ in by_seed])
    return made


def _against(
    k: int, score: Floats, abnormal: NDArray[np.bool_], source: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.bool_]]:
    mine = ~abnormal | (source == k)
    return score[mine], abnormal[mine]


def _mean(curve: Curve, seeds: list[tuple[Floats, NDArray[np.bool_]]]) -> list[int] | None:
    """In thousandths; None where a seed has no curve."""
    found = [line for score, positive in seeds if (line := curve(score, positive)) is not None]
    if len(found) < len(seeds):
        return None
    thousandths: list[int] = np.rint(1000 * np.mean(found, 0)).astype(int).tolist()
    return thousandths
