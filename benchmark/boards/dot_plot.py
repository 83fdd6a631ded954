"""Dots with intervals: how far a table's primary numbers lie apart, beside how far they spread."""

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from .columns import column
from .section import Section

CHANCE = 50.0
RANKED, OTHER = "#3b528b", "0.6"


def draw(axes: Axes, section: Section) -> None:
    """A line per finished row, the first on top: mean, ± deviation, seeds and, where there is one,
    the interval over episodes.
    """
    primary = column(section.view.primary)
    halves = [c for c in section.every_column if c.name == f"{primary.name}_ci95"]
    rows = [row for row in section.rows if row.done]
    ends: list[float] = []
    for place, row in enumerate(rows):
        value = row.stat(primary)
        if value is None:
            continue
        mean, spread = 100 * value.mean, 100 * (value.sd or 0)
        colour = RANKED if row.complete else OTHER
        half = next((100 * s.mean for c in halves if (s := row.stat(c))), 0)
        if half:
            axes.barh(place, 2 * half, 0.62, mean - half, color=colour, alpha=0.22, linewidth=0)
        seeds = [100 * v for v in row.values(primary)]
        axes.plot(seeds, [place] * len(seeds), "o", ms=4.5, mfc="none", mec=colour, alpha=0.7)
        axes.errorbar(mean, place, xerr=spread or None, fmt="o", ms=5, color=colour, capsize=3)
        ends += [mean - half, mean + half, mean - spread, mean + spread, *seeds]
    if ends:
        low, high = min(ends), max(ends)
        low = min(low, CHANCE) if low < CHANCE + 10 else low
        margin = max(0.5, 0.04 * (high - low))
        axes.set_xlim(low - margin, high + margin)
        if low <= CHANCE:
            axes.axvline(CHANCE, color="0.4", linewidth=1, linestyle=":")
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.tick_top()
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    for place in range(1, len(rows), 2):
        axes.axhspan(place - 0.5, place + 0.5, color="0.965", zorder=0)
    axes.spines[["left", "right", "bottom"]].set_visible(False)
    axes.set_title(f"{primary.title}, %", fontsize=10, pad=18)
