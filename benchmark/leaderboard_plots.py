"""The heat map of a leaderboard: recall of every class by every method."""

import io

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .leaderboard_rows import PRIMARY, Section, column

ROW, CELL, TOP, LEFT = 0.30, 0.95, 1.55, 2.9  # inches
STYLE = {"font.family": "DejaVu Sans", "font.size": 10, "axes.unicode_minus": False}


def heat_map(data: str, sections: list[Section], lines: list[str]) -> bytes | None:
    """PNG, a panel per section; None where no section has a finished row.

    The same input gives the same bytes: the file carries no date and no version.

    Args:
        data: name with regime.
        sections: of the board.
        lines: one per section, on its terms.
    """
    shown = [(s, line) for s, line in zip(sections, lines, strict=True) if s.example]
    if not shown:
        return None
    heights = [TOP + ROW * sum(bool(r.done) for r in s.rows) for s, _ in shown]
    width = LEFT + CELL * (1 + max(len(s.by_count) for s, _ in shown)) + 0.5
    with mpl.rc_context({**mpl.rcParamsDefault, **STYLE}):
        figure = Figure((max(width, 8), sum(heights) + 0.5), dpi=130)
        canvas, base = FigureCanvasAgg(figure), 0.45
        for (section, line), height in reversed(list(zip(shown, heights, strict=True))):
            box = LEFT, base, CELL * (1 + len(section.by_count)), height - TOP
            axes = figure.add_axes(
                [v / s for v, s in zip(box, 2 * figure.get_size_inches().tolist(), strict=True)]
            )
            _panel(axes, section, data, line)
            base += height
        figure.text(
            0.15 / figure.get_figwidth(),
            0.12 / figure.get_figheight(),
            "Recall in %, mean over seeds, rows sorted by balanced accuracy. "
            "The colour runs from 0 (dark) to 100 (light).",
            fontsize=8.5,
            color="0.35",
        )
        file = io.BytesIO()
        canvas.print_png(file, metadata={"Software": None})
    return file.getvalue()


def _panel(axes: Axes, section: Section, data: str, line: str) -> None:
    record, order = section.example, section.by_count
    assert record is not None  # the caller shows finished sections only
    rows = [row for row in section.rows if row.done]
    means = np.full((len(rows), len(order) + 1), np.nan)
    for i, row in enumerate(rows):
        stats = [row.stat(column(PRIMARY)), *(row.of_class("recall", k) for k in order)]
        means[i] = [100 * s.mean if s else np.nan for s in stats]
    image = np.ma.masked_invalid(means)  # type: ignore[no-untyped-call]
    axes.imshow(image, cmap="cividis", vmin=0, vmax=100, aspect="auto")
    axes.set_facecolor("0.9")
    for (i, j), value in np.ndenumerate(means):
        undefined = np.isnan(value)
        text, light = ("n/a", True) if undefined else (f"{value:.0f}", value > 55)
        weight = "bold" if j == 0 else "normal"
        axes.text(
            j, i, text, ha="center", va="center", weight=weight, color="black" if light else "white"
        )
    axes.axvline(0.5, color="white", linewidth=5)
    names = [
        f"{record.class_names[k]}\n{section.class_groups[k]}\n{record.class_counts[k]:,}"
        for k in order
    ]
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(names) + 1), ["balanced\naccuracy\ntrain images:", *names])
    axes.set_yticks(range(len(rows)), [r.name + ("" if r.complete else "  ✗") for r in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    seeds = len(section.seeds)
    title = f"Recall per class: {data}, {seeds} seed{'s' if seeds != 1 else ''}"
    place = {"xycoords": axes.transAxes, "textcoords": "offset points", "annotation_clip": False}
    left = -72 * (LEFT - 0.15)
    axes.annotate(title, (0, 1), (left, 72), fontsize=13, weight="bold", **place)
    axes.annotate(line, (0, 1), (left, 57), fontsize=8.5, color="0.35", **place)
