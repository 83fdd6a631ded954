"""What a board's decisions cost by somebody's own matrix."""

import numpy as np
from numpy.typing import NDArray

from ..evidence.predictions import Predictions
from ..metrics import operating_point
from ..statistics.intervals import Floats, Interval
from . import costs, priors, temperature
from .certainty import Values, intervals, ranks
from .material import FITS, Entry, Material
from .topic import Grid, Topic

TEXT = (
    "Mean cost of a test image by the matrix below, classes as common as in the test. **Most "
    "probable class**: decisions that know no costs. **Bayes**: the decision of least expected "
    "cost by probabilities after one temperature, fitted to validation, which ranks the rows. "
    "**Bayes, fitted**: the same by one scale and an offset for each class, fitted to validation, "
    "times the training prior: it repairs the prior of a method that rebalances, which a "
    "temperature cannot. 95 % intervals, those of ranks too, know other test and validation "
    "patients or lesions, and other trainings.",
)
HEAD = (
    "Method",
    "Rank, 95 %",
    "Bayes",
    "95 % interval",
    "Most probable class",
    "95 % interval",
    "Bayes, fitted",
    "95 % interval",
)


def topic(material: Material, matrix: Floats) -> Topic:
    """Of a table of a board; rows without validation last, and not ranked."""
    drawn = {entry.name: _drawn(entry, material, matrix) for entry in material.entries}
    seeds = {entry.name: entry.seeds for entry in material.entries}
    units = material.units()
    ways = [
        {name: Values(v[way], units, seeds[name]) for name, v in drawn.items() if way in v}
        for way in ("bayes", "plain", "fitted")
    ]
    known = [intervals(rows, shares=False) for rows in ways]
    places = ranks(ways[0])
    order = sorted(drawn, key=lambda n: (n not in ways[0], ways[0].get(n, ways[1][n]).mean, n))
    lines = []
    for name in order:
        if name in material.shown:
            low, high = places.get(name, (0, 0))
            place = "-" if not low else str(low) if low == high else f"{low} to {high}"
            cells = [text for rows in known for text in _cell(rows.get(name))]
            lines.append((name, place, *cells))
    grids = (Grid("", HEAD, tuple(lines), (1, 2, 3, 4, 6)), _matrix(material, matrix))
    return Topic("Expected cost", TEXT, grids)


def _cell(found: Interval | None) -> tuple[str, str]:
    if found is None:
        return "n/a", "n/a"
    return f"{found.mean:.3f}", f"{found.low:.3f} to {found.high:.3f}"


def _matrix(material: Material, matrix: Floats) -> Grid:
    names = material.names
    lines = tuple(
        (name, *(f"{cost:g}" for cost in row)) for name, row in zip(names, matrix, strict=True)
    )
    head = ("Truth \\ decision", *names)
    return Grid("Costs", head, lines, tuple(range(1, len(names) + 1)), methods=False)


def _drawn(entry: Entry, material: Material, matrix: Floats) -> dict[str, Floats]:
    """[S, 1 + R] mean costs by each way to decide."""
    found: dict[str, list[Floats]] = {"plain": [], "bayes": [], "fitted": []}
    few = material.weights[: 1 + FITS]
    trained = priors.priors(material.counts)["head-heavy"]
    for n, test in enumerate(entry.test):
        plain = priors.plain(test)
        found["plain"].append(costs.expected(test.target, plain, matrix, material.weights))
        if entry.held:
            held = entry.held[n]
            drawn = material.held_weights(held)
            for way, decided in (
                ("bayes", _warm(test, held, drawn, matrix)),
                ("fitted", _fitted(test, held, drawn, matrix, trained)),
            ):
                found[way].append(costs.expected(test.target, decided, matrix, few))
    return {way: np.stack(values) for way, values in found.items() if values}


def _warm(
    test: Predictions, held: Predictions, drawn: NDArray[np.float32], matrix: Floats
) -> NDArray[np.int64]:
    """[1 + R, N] Bayes decisions at the temperature of validation, then at those of its draws."""
    one = temperature.fitted(held)
    each = np.concatenate([[one], temperature.refitted(held, one, drawn)])
    z = test.logits.astype(np.float64)
    return np.stack([costs.bayes(temperature.softmax(z / t), matrix) for t in each])


def _fitted(
    test: Predictions, held: Predictions, drawn: NDArray[np.float32], matrix: Floats, prior: Floats
) -> NDArray[np.int64]:
    """The same at the point of validation, then at those of its draws."""
    point = operating_point.fitted(held)
    each = np.concatenate([point[None], operating_point.refitted(held, point, drawn)])
    return np.stack([costs.bayes(priors.fitted(test, p, prior), matrix) for p in each])
