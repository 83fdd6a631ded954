"""Comparisons for the reader: tables of the terminal, a verdict in words, a picture."""

from collections.abc import Sequence

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from medtail.datamodules.core.names import DataName

from ..boards.columns import VIEWS, column
from ..boards.formatting import SAID, SUBMITTED
from ..boards.picture import STYLE, png
from .comparison import Comparison, Difference

HOW = (
    "Intervals of 95 %, not corrected: the variance over test groups (few-shot: episodes; active: "
    "none) and that between paired seeds, as on the boards. Doubt: how sure it is, as far as the "
    "interval goes, that the true difference has the other sign. Verdicts are about the metrics "
    "that order a board, by Holm's correction over all of these that are shown."
)
COLOURS = {"higher": "#1b7837", "lower": "#b2182b", "cannot tell": "0.45"}


def table(one: Comparison, alike: float | None = None) -> Table:
    """A comparison for the terminal, metrics then classes.

    Args:
        one: the comparison.
        alike: points within which two rows are as good as alike; None to ask nothing about it.
    """
    names = [f"{n} {SUBMITTED}" if n in one.submitted else n for n in (one.new, one.base)]
    title = f"{names[0]} against {names[1]} on {one.where}"
    told = [one.verdict_by(m) + f" by {column(m).words}" * (n > 0) for n, m in enumerate(one.p)]
    seeds = f"{len(one.seeds)} seed{'s' if len(one.seeds) > 1 else ''}: {', '.join(told)}"
    shown = Table(
        title=title,
        caption=seeds,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=0,
    )
    sure = ["doubt %"] if alike is None else ["lower %", "alike %", "higher %"]
    for head in ["%", "this", "that", "differ by", "95 % interval", *sure]:
        first = head == "%"  # the only one that may take two lines
        shown.add_column(head, no_wrap=not first, justify="left" if first else "right")
    for line in one.metrics:
        shown.add_row(line.label, *_values(line, alike))
    shown.add_section()
    for line in one.classes:
        shown.add_row(line.label, *_values(line, alike))
    return shown


def verdict(found: Sequence[Comparison]) -> list[str]:
    """A sentence per rival and metric that ranks: on how many boards it can be told from it."""
    said = []
    for base in dict.fromkeys(c.base for c in found):
        mine = [c for c in found if c.base == base]
        for metric in dict.fromkeys(m for c in mine for m in c.p):
            some = [c for c in mine if metric in c.p]
            sources = {DataName.parse(c.data).dataset for c in some}
            parts = [
                f"{word} on {len(named)}: {', '.join(_by(c, metric) for c in named)}"
                for word in COLOURS
                if (named := [c for c in some if c.verdict_by(metric) == word])
            ]
            amount = f"{len(some)} table{'s' * (len(some) > 1)}"
            origin = f"{len(sources)} dataset{'s' * (len(sources) > 1)}"
            by = f" by {column(metric).words}" * (metric != mine[0].primary)
            head = f"{mine[0].new} against {base}{by}, {amount} of {origin}"
            said.append(f"{head}: {'; '.join(parts)}.")
    if beside := dict.fromkeys(name for c in found for name in c.submitted):
        said.append(f"{SUBMITTED} {', '.join(beside)}: {SAID}.")
    return said


def picture(found: Sequence[Comparison]) -> bytes:
    """PNG: a panel per board, differences of the rivals and of every class against them."""
    data = list(dict.fromkeys(c.where for c in found))
    heights = [sum(2 + len(c.classes) for c in found if c.where == d) + 1 for d in data]
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(8.4, 0.24 * sum(heights) + 0.75 * len(data) + 0.8))
        axes = figure.subplots(len(data), 1, squeeze=False, height_ratios=heights)[:, 0]
        for place, name in zip(axes, data, strict=True):
            _panel(place, name, [c for c in found if c.where == name])
        new = found[0].new + " (submitted)" * (found[0].new in found[0].submitted)
        figure.suptitle(f"{new} minus ...", x=0.02, ha="left", weight="bold")
        figure.tight_layout(rect=(0, 0, 1, 0.99))
        return png(figure)


def _panel(axes: Axes, data: str, found: list[Comparison]) -> None:
    place, labels = 0.0, list[tuple[float, str, bool]]()
    for one in found:
        colour = COLOURS[one.verdict]
        first = one.metrics[0]
        base = f"{one.base} (submitted)" if one.base in one.submitted else one.base
        labels.append((place, f"{base}: {one.verdict}", True))
        _whisker(axes, place, first, colour, 7)
        for line in one.classes:
            place += 1
            labels.append((place, line.label, False))
            _whisker(axes, place, line, "0.6", 4)
        place += 2
    axes.axvline(0, color="0.3", linewidth=1)
    axes.set_ylim(place - 1.2, -0.8)
    axes.set_yticks([p for p, *_ in labels], [text for _, text, _ in labels])
    for tick, (*_, main) in zip(axes.get_yticklabels(), labels, strict=True):
        tick.set_fontweight("bold" if main else "normal")
        tick.set_color("0" if main else "0.35")
    axes.tick_params(left=False)
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["left", "right", "top"]].set_visible(False)
    view = VIEWS[found[0].track]
    title = f"{data}: {column(view.primary).words}, then {next(iter(view.classes.values()))}"
    axes.set_title(f"{title} of each class, points", loc="left", fontsize=10)


def _whisker(axes: Axes, place: float, line: Difference, colour: str, size: float) -> None:
    mean, low, high = (100 * v for v in (line.difference.mean, *_ends(line)))
    axes.errorbar(
        mean, place, xerr=[[mean - low], [high - mean]], fmt="o", ms=size, color=colour, capsize=2
    )


def _ends(line: Difference) -> tuple[float, float]:
    """Of its interval; the estimate alone where one seed leaves it without an end."""
    found = line.difference
    if abs(found.low) == float("inf"):
        return found.mean, found.mean
    return found.low, found.high


def _by(one: Comparison, metric: str) -> str:
    line = one.by(metric)
    return f"{one.where} {line.scale * line.estimate.value:+.1f} ({_interval(line)})"


def _values(line: Difference, alike: float | None) -> list[str]:
    means = [f"{line.scale * line.new:.1f}", f"{line.scale * line.base:.1f}"]
    differ = [f"{line.scale * line.estimate.value:+.1f}", _interval(line)]
    known = line.estimate
    sure = (known.doubt,) if alike is None else known.chances(alike / line.scale)
    return [*means, *differ, *map(_chance, sure)]


def _chance(value: float) -> str:
    """In %, never surer than a tenth of it."""
    return "<0.1" if value < 0.001 else ">99.9" if value > 0.999 else f"{100 * value:.1f}"


def _interval(line: Difference) -> str:
    if abs(line.difference.low) == float("inf"):
        return "one seed"
    low, high = (line.scale * end for end in (line.difference.low, line.difference.high))
    return f"{low:+.1f} to {high:+.1f}"
