"""Pictures of decisions: reliability by head, medium and tail; risk against coverage."""

from collections.abc import Sequence

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..boards.formatting import shortened
from ..boards.picture import STYLE, png
from ..statistics.intervals import Floats
from . import temperature
from .calibration import curve
from .material import Entry, Material
from .selective import COVERAGE, balanced_curve, risks

MOST = 5  # methods in a picture
GROUPS = ("head", "medium", "tail")
BEFORE, AFTER = "0.6", "#2166ac"
COLOURS = ("#1b7837", "#2166ac", "#b2182b", "#762a83", "#b35806")
TICKS = (0.0, 0.01, 0.05, 0.2, 0.5, 1.0)
COVERAGES = np.linspace(0.05, 1, 39)


def reliability(material: Material, names: Sequence[str]) -> tuple[bytes, str]:
    """PNG and what it shows: a row for each method, a panel for each group of classes.

    Args:
        material: the table.
        names: methods, of which the first are drawn.
    """
    drawn = list(dict.fromkeys(names))[:MOST]
    entries = [entry for name in drawn for entry in material.entries if entry.name == name]
    groups = [g for g in GROUPS if material.of_group(g)]
    with matplotlib.style.context(["default", STYLE]):
        size = (1.2 + 2.5 * len(groups), 1.5 + 2.3 * len(entries))
        figure = Figure(figsize=size, dpi=130)
        axes = figure.subplots(len(entries), len(groups), squeeze=False, sharex=True, sharey=True)
        for line, entry in zip(axes, entries, strict=True):
            for panel, group in zip(line, groups, strict=True):
                _reliability(panel, entry, material.of_group(group))
            line[0].set_ylabel(f"{shortened(entry.name)}\nfrequency, %", fontsize=9)
        for panel, group in zip(axes[0], groups, strict=True):
            names = ", ".join(material.names[k] for k in material.of_group(group))
            panel.set_title(f"{group}: {shortened(names)}", fontsize=9)
        for panel in axes[-1]:
            panel.set_xlabel("probability, %", fontsize=9)
        figure.suptitle(f"Reliability: {material.data}", x=0.02, ha="left", weight="bold")
        words = (
            "Each class against the rest, 15 bins of as many scores, a line for each seed; axes "
        )
        words += "by square root.\nGrey: as trained. Blue: after the temperature of validation."
        figure.text(0.02, 0.01, words, fontsize=8, color="0.35")
        figure.tight_layout(rect=(0, 0.25 / size[1] * 1.8, 1, 1))
        return png(figure), "Reliability of head, medium and tail classes"


def _shown(material: Material) -> list[Entry]:
    return [e for e in material.entries if e.name in material.shown][:MOST]


def _reliability(panel: Axes, entry: Entry, classes: list[int]) -> None:
    root = (lambda v: np.sqrt(np.maximum(v, 0)), np.square)
    panel.set_xscale("function", functions=root)
    panel.set_yscale("function", functions=root)
    panel.plot([0, 1], [0, 1], color="0.85", linewidth=1)
    after = [
        temperature.scaled(test, temperature.fitted(held))
        for test, held in zip(entry.test, entry.held, strict=bool(entry.held))
    ]
    for given, colour in ((entry.test, BEFORE), (after, AFTER)):
        drawn = [curve(p.probabilities, p.target, classes)[:2] for p in given]
        for mean, share in drawn:
            panel.plot(mean, share, color=colour, linewidth=1, marker="o", markersize=2.5)
    panel.set_xlim(0, 1)
    panel.set_ylim(0, 1)
    labels = [f"{100 * t:g}" for t in TICKS]
    panel.set_xticks(TICKS, labels, fontsize=8)
    panel.set_yticks(TICKS, labels, fontsize=8)
    panel.minorticks_off()
    panel.grid(color="0.93")
    panel.set_axisbelow(True)
    panel.spines[["right", "top"]].set_visible(False)


def risk(material: Material) -> tuple[bytes, str]:
    """PNG and what it shows: errors among the answered, of all images and of the mean class."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(9, 4.2), dpi=130)
        left, right = figure.subplots(1, 2)
        for entry, colour in zip(_shown(material), COLOURS, strict=False):
            plain, balanced = _curves(entry)
            label = shortened(entry.name)
            amount = len(plain)
            place = np.arange(1, amount + 1) / amount
            kept = place >= COVERAGES[0]
            left.plot(place[kept], plain[kept], color=colour, label=label)
            right.plot(COVERAGES, balanced, color=colour)
        for panel, words in ((left, "risk"), (right, "balanced risk")):
            panel.axvline(COVERAGE, color="0.85", linewidth=1)
            panel.set_xlim(0, 1)
            panel.set_ylim(bottom=0)
            panel.set_xticks(np.linspace(0, 1, 6), [f"{t:.0f}" for t in np.linspace(0, 100, 6)])
            panel.yaxis.set_major_formatter(lambda v, _: f"{100 * v:.0f}")
            panel.set_xlabel("coverage, %")
            panel.set_ylabel(f"{words} among the answered, %")
            panel.grid(color="0.93")
            panel.set_axisbelow(True)
            panel.spines[["right", "top"]].set_visible(False)
        left.legend(frameon=False, fontsize=8)
        figure.suptitle(f"Risk against coverage: {material.data}", x=0.02, ha="left", weight="bold")
        figure.tight_layout()
        return png(figure), "Risk and balanced risk against coverage"


def _curves(entry: Entry) -> tuple[Floats, Floats]:
    """Means over seeds: risk by the number of the answered, balanced risk at ``COVERAGES``."""
    plain = [
        risks(p.probabilities.max(1), p.probabilities.argmax(1) != p.target) for p in entry.test
    ]
    balanced = [balanced_curve(p.probabilities, p.target, COVERAGES.tolist()) for p in entry.test]
    return np.mean(plain, 0), np.mean(balanced, 0)
