"""Are probabilities as often right as they say? Tables and picture of a board."""

from collections.abc import Callable

import numpy as np

from ..evidence.predictions import Predictions
from ..metrics.calibration import calibration
from . import pictures, temperature
from .calibration import doubt, error, expected_over_observed, squared_errors
from .material import Entry, Material
from .topic import Grid, Topic, mean, percent

GROUPS = ("head", "medium", "tail")
LEVEL = 0.05
BEST = 2  # rows of the board, and the best calibrated ones, that the picture has first
TEXT = (
    "**Class-wise error**: root mean square of probability less frequency of each class against "
    "the rest, over 15 bins of as many images each, debiased (Kumar, Liang, Ma 2019): 0 is "
    "calibrated; head, medium and tail are classes by training images. **Expected / observed**: "
    "sum of the tail's probabilities over its test images; 1 is right. **Top-label ECE**, NLL and "
    "Brier score are those of the boards. Means over seeds; left of the arrow as trained, right of "
    "it after one temperature T, fitted to validation (Guo et al. 2017). **Calibrated?**: in how "
    "many seeds, after T, a test at 5 % that knows lesions or patients cannot tell the "
    "probabilities from calibrated ones; that it cannot tell is no proof.",
)
HEAD = (
    "Method",
    "T",
    "Class-wise error, %",
    "head",
    "medium",
    "tail",
    "Expected / observed,\ntail",
    "Top-label ECE, %",
    "NLL",
    "Brier",
    "Calibrated?",
)
Numbers = dict[str, float]


def topic(material: Material) -> Topic:
    """Of a table of a board, least class-wise error after the temperature first."""
    rows = [(entry.name, _row(entry, material)) for entry in material.entries]
    rows = [(name, row) for name, row in rows if name in material.shown]
    rows.sort(key=lambda row: _order(row[1]))
    grid = Grid("", HEAD, tuple((name, *_cells(row)) for name, row in rows), (1, 2, 5, 6, 10))
    board = [entry.name for entry in material.entries if entry.name in material.shown]
    names = [*board[:BEST], *(name for name, _ in rows[:BEST]), *board]
    return Topic(
        "Calibration", TEXT, (grid,), {"reliability": pictures.reliability(material, names)}
    )


def _row(entry: Entry, material: Material) -> list[tuple[Numbers, Numbers]]:
    """Of each seed: as trained, and after the temperature (empty without validation)."""
    found = []
    for n, test in enumerate(entry.test):
        after: Numbers = {}
        if entry.held:
            warm = temperature.fitted(entry.held[n])
            after = {"T": warm, **_numbers(temperature.scaled(test, warm), material)}
        found.append((_numbers(test, material), after))
    return found


def _numbers(given: Predictions, material: Material) -> Numbers:
    probability, target = given.probabilities, given.target
    squared = squared_errors(probability, target)
    groups = {name: material.of_group(name) for name in GROUPS}
    return {
        "all": error(squared, range(len(squared))),
        **{name: error(squared, classes) for name, classes in groups.items()},
        "expected": expected_over_observed(probability, target, groups["tail"]),
        **calibration(given, probability, np.ones(len(target))),
        "doubt": doubt(probability, target, given.group),
    }


def _order(row: list[tuple[Numbers, Numbers]]) -> float:
    return mean([(after or before)["all"] for before, after in row])


def _cells(row: list[tuple[Numbers, Numbers]]) -> list[str]:
    def both(key: str, form: Callable[[float], str] = percent) -> str:
        parts = [form(mean([before[key] for before, _ in row]))]
        if all(after for _, after in row):
            parts.append(form(mean([after[key] for _, after in row])))
        return " → ".join(parts)

    known = [after for _, after in row if after]
    fine = sum(after["doubt"] >= LEVEL for after in known)
    return [
        f"{mean([a['T'] for a in known]):.2f}" if known else "n/a",
        *(both(key) for key in ("all", *GROUPS)),
        both("expected", lambda v: f"{v:.2f}"),
        both("ece"),
        *(both(key, lambda v: f"{v:.3f}") for key in ("nll", "brier")),
        f"{fine} of {len(known)}" if known else "n/a",
    ]
