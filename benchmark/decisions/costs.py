"""A cost for every mistake: who reads a matrix of costs, and what decisions cost by it."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medtail.datamodules.core.errors import DataError, MedtailError, unknown
from medtail.datamodules.core.labels import read_rows

Floats = NDArray[np.float64]


def read(path: Path, class_names: tuple[str, ...]) -> Floats:
    """[K, K] costs of a table: a row for each class that is true, a column for each decision.

    The first column names the rows; rows and columns may stand in any order.

    Args:
        path: CSV.
        class_names: K.

    Raises:
        MedtailError: it cannot be read; a class is missing, doubled or unknown; a cost is no finite
            number; or all are alike, so that nothing is decided.
    """
    try:
        rows = read_rows(path, ())
    except DataError as error:
        raise MedtailError(f"--costs {error}") from error
    first, *columns = rows[0]
    _check(path, "column", columns, class_names)
    truths = [row[first].strip() for row in rows]
    _check(path, "row", truths, class_names)
    costs = np.empty((len(class_names), len(class_names)))
    for truth, row in zip(truths, rows, strict=True):
        for column in columns:
            try:
                cost = float(row[column])
            except ValueError:
                cost = math.nan
            if not math.isfinite(cost):
                raise MedtailError(
                    f"--costs {row.where}: the cost of {column} where {truth} is true is "
                    f"'{row[column]}': write a number"
                )
            costs[class_names.index(truth), class_names.index(column)] = cost
    if (costs == costs[:, :1]).all():
        raise MedtailError(f"--costs {path}: every decision costs the same: nothing to decide")
    return costs


def _check(path: Path, what: str, names: list[str], class_names: tuple[str, ...]) -> None:
    for name in names:
        if name not in class_names:
            problem = str(unknown("class", name, class_names)).partition(" (medtail")[0]
            raise MedtailError(f"--costs {path}, {what}s: {problem}")
        if names.count(name) > 1:
            raise MedtailError(f"--costs {path}: the {what} {name} stands twice")
    if absent := [name for name in class_names if name not in names]:
        raise MedtailError(f"--costs {path}: no {what} for {', '.join(absent)}")


def bayes(probability: Floats, costs: Floats) -> NDArray[np.int64]:
    """[...] the decision of least expected cost, the first of several (Elkan 2001, equation 1).

    Args:
        probability: [..., K].
        costs: [K, K].
    """
    chosen: NDArray[np.int64] = (probability @ costs).argmin(-1)
    return chosen


def expected(
    target: NDArray[np.int64],
    chosen: NDArray[np.int64],
    costs: Floats,
    weights: NDArray[np.float32],
) -> Floats:
    """[R] mean cost of an image under weights [R, N].

    Args:
        target: [N].
        chosen: [N], or [R, N] of decisions that vary with the draw.
        costs: [K, K].
        weights: of samples.
    """
    each = costs[target, chosen]
    total = weights.sum(1, dtype=np.float64)
    if each.ndim == 1:
        mean: Floats = weights @ each / total
        return mean
    drawn: Floats = np.einsum("rn,rn->r", weights, each) / total
    return drawn
