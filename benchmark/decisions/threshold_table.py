"""How specific is a network where a critical class must not be missed?"""

import numpy as np
from numpy.typing import NDArray

from ..evidence.predictions import Predictions
from ..statistics.intervals import Floats
from .certainty import Values, intervals
from .material import FITS, Entry, Material
from .thresholds import SENSITIVITIES, at_sensitivity, reached, score_of
from .topic import Grid, Topic, ends

TEXT = (
    "Each class that the dataset calls critical against the rest, and all of them together (by the "
    "sum of their probabilities). The threshold is the highest that finds 90 or 95 % of the "
    "class's *validation* images; what it reaches on the test stands beside it. 95 % intervals "
    "know other test and validation patients or lesions, and other trainings. Best specificity at "
    "95 % first: read it with the sensitivity that was reached, which may differ from row to row.",
)
NONE = (
    "No class of this board is said to be critical: `critical` in `dataset.yaml` (or of the data "
    "module) names such classes, and `medtail publish` or `medtail bench` takes them over.",
)
UNHELD = ("No row has predictions of validation, from which thresholds come: publish them again.",)


def topic(material: Material) -> Topic:
    """A table for each critical class, and one for all of them."""
    title = "Specificity at a sensitivity, critical classes"
    if not material.critical:
        return Topic(title, NONE)
    entries = [entry for entry in material.entries if entry.held]
    if not entries:
        return Topic(title, UNHELD)
    parts = [(material.names[k], [k]) for k in material.critical]
    if len(parts) > 1:
        parts.append((f"any of {', '.join(name for name, _ in parts)}", material.critical))
    return Topic(title, TEXT, tuple(_grid(material, entries, *part) for part in parts))


def _grid(material: Material, entries: list[Entry], name: str, classes: list[int]) -> Grid:
    positive = np.isin(material.first.target, classes)
    held = np.isin(entries[0].held[0].target, classes)
    title = f"{name}: {positive.sum()} test and {held.sum()} validation images"
    if not positive.any() or positive.all() or not held.any():
        return Grid(f"{title}: nothing to say", ("Method",), ())
    units = (material.units(~positive), (sum(material.units(positive)),))
    cells: dict[str, list[str]] = {entry.name: [] for entry in entries}
    order: dict[str, float] = {}
    for sensitivity in SENSITIVITIES:
        values = [_values(material, entry, classes, sensitivity) for entry in entries]
        for side in (0, 1):
            rows = {
                entry.name: Values(found[side], units[side], entry.seeds)
                for entry, found in zip(entries, values, strict=True)
            }
            known = intervals(rows, shares=True)
            for method, line in cells.items():
                line.append(ends(known.get(method)))
            if side == 0:
                order = {method: v.mean for method, v in rows.items()}
    head = ["Method"]
    for sensitivity in SENSITIVITIES:
        at = f"at {100 * sensitivity:.0f} %"
        head += [f"Specificity {at}\n(95 % interval)", f"Sensitivity reached, {at}"]
    names = sorted(material.shown & cells.keys(), key=lambda n: (-order[n], n))
    return Grid(title, tuple(head), tuple((n, *cells[n]) for n in names), (3, 4))


def _values(
    material: Material, entry: Entry, classes: list[int], sensitivity: float
) -> tuple[Floats, Floats]:
    """[S, 1 + R] specificity and sensitivity; each draw has its own threshold."""
    found = [
        reached(
            score_of(test.probabilities, classes),
            np.isin(test.target, classes),
            material.weights[: 1 + FITS],
            thresholds(held, classes, sensitivity, material.held_weights(held)),
        )
        for test, held in zip(entry.test, entry.held, strict=True)
    ]
    return np.stack([f.specificity for f in found]), np.stack([f.sensitivity for f in found])


def thresholds(
    held: Predictions, classes: list[int], sensitivity: float, drawn: NDArray[np.float32]
) -> Floats:
    """[1 + R] of validation as it is, then of draws [R, M] of it."""
    positive = np.isin(held.target, classes)
    one = np.ones((1, positive.sum()), np.float32)
    weights = np.concatenate([one, drawn[:, positive]])
    return at_sensitivity(score_of(held.probabilities, classes)[positive], weights, sensitivity)
