"""Learning curves of an active board: how good a learner is by how many images were labelled."""

from collections.abc import Callable
from typing import Any, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .formatting import short_name
from .row import Row, Stat
from .section import Section

WIDTH, LEFT, RIGHT = 10.5, 0.8, 3.3  # inches; names stand to the right
LINE, GAP, UNDER = 0.17, 0.8, 0.5  # inches of a name, between axes, and under them
DASHES = ("-", "--", ":", "-.")

Series = Callable[[Row, int], Stat | None]


class End(NamedTuple):
    """Where a line ends, and how it looks."""

    value: float
    name: str
    colour: Any
    dash: str


def height(section: Section) -> float:
    """Inches of a section's block."""
    return 3 * (_tall(section) + GAP)


def draw(figure: Figure, section: Section, bottom: float) -> None:
    """Three axes above ``bottom`` (inches from below)."""
    across, tall = figure.get_size_inches()
    record = section.example
    assert record is not None  # the caller shows finished sections only
    labelled = [r.labelled for r in record.rounds]
    choices = list(range(len(labelled)))
    panels: list[tuple[str, str, list[int], float, Series]] = [
        ("Images of rare classes found, in all", "Rounds", choices, 1, _found(section)),
        ("Balanced accuracy, %", "Labelled images", labelled, 100, _metric("balanced_accuracy")),
        ("Rare accuracy, %", "Labelled images", labelled, 100, _metric("rare_accuracy")),
    ]
    for number, (title, under, places, scale, series) in enumerate(panels):
        low = bottom + UNDER + number * (_tall(section) + GAP)
        size = ((WIDTH - LEFT - RIGHT) / across, _tall(section) / tall)
        axes = figure.add_axes((LEFT / across, low / tall, *size))
        _panel(axes, section, places, scale, series)
        axes.set_title(title, fontsize=10, loc="left", weight="bold")
        axes.set_xlabel(under, fontsize=9)


def _tall(section: Section) -> float:
    return max(2.6, LINE * sum(bool(row.done) for row in section.rows) + 0.3)


def _metric(name: str) -> Series:
    return lambda row, number: row.of_round(name, number)


def _found(section: Section) -> Series:
    return lambda row, number: row.picked(section.rare, number)


def _panel(axes: Axes, section: Section, places: list[int], scale: float, series: Series) -> None:
    colours = matplotlib.colormaps["tab10"].colors  # type: ignore[attr-defined]
    ends: list[End] = []
    rows = [row for row in section.rows if row.done]
    for number, row in enumerate(sorted(rows, key=lambda r: r.name)):
        known = [(x, s) for k, x in enumerate(places) if (s := series(row, k))]
        if not known:
            continue
        x = [place for place, _ in known]
        mean = [scale * s.mean for _, s in known]
        spread = [scale * (s.sd or 0) for _, s in known]
        colour, dash = colours[number % 10], DASHES[number // 10 % len(DASHES)]
        axes.plot(x, mean, dash, color=colour, linewidth=1.6, marker="o", ms=2.5)
        edges = (
            [m - s for m, s in zip(mean, spread, strict=True)],
            [m + s for m, s in zip(mean, spread, strict=True)],
        )
        axes.fill_between(x, *edges, color=colour, alpha=0.07, linewidth=0)
        ends.append(End(mean[-1], short_name(row), colour if row.complete else "0.5", dash))
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(9, integer=True))
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if ends:
        _names(axes, ends, places[-1], section)


def _names(axes: Axes, ends: list[End], x: float, section: Section) -> None:
    """Names beside the ends of their lines, moved apart and joined to them."""
    low, high = axes.get_ylim()
    step = LINE / _tall(section) * (high - low)
    ends = sorted(ends, key=lambda end: (end.value, end.name))
    heights = spread([end.value for end in ends], step, low, high)
    for (value, name, colour, dash), y in zip(ends, heights, strict=True):
        axes.annotate(
            f"{value:.1f}  {name}",
            (x, value),
            (1.05, (y - low) / (high - low)),
            textcoords="axes fraction",
            va="center",
            fontsize=8.5,
            color=colour,
            arrowprops={
                "arrowstyle": "-",
                "linestyle": dash,
                "color": colour,
                "linewidth": 0.7,
                "alpha": 0.6,
                "relpos": (0, 0.5),
                "shrinkB": 0,
            },
            annotation_clip=False,
        )


def spread(values: list[float], step: float, low: float, high: float) -> list[float]:
    """Places for labels: ``step`` apart at least, near their values, within the ends if they fit.

    Args:
        values: ascending.
        step: smallest distance.
        low: lower end.
        high: upper end.
    """
    places: list[float] = []
    for value in values:
        places.append(max(value, places[-1] + step if places else low))
    top = high
    for number in reversed(range(len(places))):
        places[number] = min(places[number], top)
        top = places[number] - step
    return places
