"""A recommendation as a picture: rows with their intervals, sensitivity of every class."""

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..boards.formatting import shortened
from ..boards.picture import STYLE, png
from ..statistics.intervals import Interval
from .run import Recommendation

PICK, ALIKE, APART, NESTED, HELD = "#0b5394", "#6fa8dc", "0.62", "#b45f06", "#38761d"
LINE = 0.36  # inches


def picture(found: Recommendation) -> bytes:
    """PNG."""
    known = found.known
    lines = max(len(known.rows) + 1.6, len(known.names) * (1.5 if found.held_out else 1))
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(11, LINE * lines + 2.1), dpi=130)
        left, right = figure.subplots(1, 2, width_ratios=(1, 1))
        _rows(left, found)
        _classes(right, found)
        figure.suptitle(f"A recommendation for {found.plan.data}", x=0.02, ha="left", weight="bold")
        figure.text(0.02, 0.015, _foot(found), fontsize=8, color="0.35", va="bottom")
        figure.tight_layout(rect=(0, 0.5 / figure.get_figheight(), 1, 1))
        return png(figure)


def _foot(found: Recommendation) -> str:
    unit = "groups" if found.plan.facts.grouped else "images"
    seeds = " and seeds" if len({cell.seed for cell in found.plan.cells}) > 1 else ""
    held = "" if not found.held_out else " Green: the ensemble on the test that the data bring."
    return (
        f"Intervals of 95 %, by {unit}{seeds}. Dark blue: the pick; light blue: cannot be told "
        f"from it; grey: worse.\nOrange: nested, the pick made anew without each fold: what to "
        f"expect.{held}"
    )


def _rows(axes: Axes, found: Recommendation) -> None:
    known = found.known
    places, labels = [], []
    for place, row in enumerate(known.rows):
        colour = PICK if place == 0 else APART if row.apart else ALIKE
        _whisker(axes, place, row.balanced, colour, "o")
        places.append(float(place))
        labels.append(shortened(row.name))
    last = len(known.rows) + 0.3
    _whisker(axes, last, known.expected.balanced, NESTED, "D")
    axes.axhline(last - 0.65, color="0.85", linewidth=1)
    chance = 100 / len(known.names)
    axes.axvline(chance, color="0.5", linewidth=1, linestyle=":")
    axes.set_yticks([*places, last], [*labels, "nested: expect this"])
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.set_ylim(last + 0.6, -0.6)
    ends = [
        e for row in (*known.rows, known.expected) for e in (row.balanced.low, row.balanced.high)
    ]
    low, high = min(chance, 100 * min(ends)) - 3, min(100.5, 100 * max(ends) + 3)
    axes.set_xlim(low, high)
    _plain(axes, "Balanced accuracy, % (dotted: guessing)")


def _classes(axes: Axes, found: Recommendation) -> None:
    known = found.known
    order = np.argsort([-n for n in known.images], kind="stable").tolist()
    unit = " of {} groups" if found.plan.facts.grouped else ""
    labels = []
    for place, k in enumerate(order):
        shift = 0.17 if found.held_out else 0.0
        if recall := known.expected.recall[k]:
            _whisker(axes, place - shift, recall, NESTED, "D")
        if found.held_out and (recall := found.held_out.recall[k]):
            _whisker(axes, place + shift, recall, HELD, "s")
        amount = f"{known.images[k]:,} images" + unit.format(f"{known.units[k]:,}")
        labels.append(f"{shortened(known.names[k])}\n{amount}")
    axes.set_yticks(range(len(order)), labels, fontsize=9)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(-2, 102)
    _plain(axes, "Sensitivity of each class, %")


def _whisker(axes: Axes, place: float, found: Interval, colour: str, mark: str) -> None:
    mean, low, high = 100 * found.mean, 100 * found.low, 100 * found.high
    spread = None if not np.isfinite([low, high]).all() else [[mean - low], [high - mean]]
    axes.errorbar(mean, place, xerr=spread, fmt=mark, ms=6, color=colour, capsize=3, linewidth=1.8)


def _plain(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.tick_params(left=False)
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["left", "right", "top"]].set_visible(False)
