"""The heat map of a leaderboard: recall of every class by every method."""

import io

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .leaderboard_rows import PRIMARY, Row, Section, column

ROW, CELL, TOP, LEFT = 0.30, 0.95, 1.65, 2.9  # inches
LONGEST = 38  # letters of a row's name that fit into LEFT
STYLE = {"font.family": "DejaVu Sans", "font.size": 10, "axes.unicode_minus": False}


def heat_map(data: str, sections: list[Section], terms: list[list[str]]) -> bytes | None:
    """PNG, a panel per section; None where no section has a finished row.

    The same input gives the same bytes: the file carries no date and no version.

    Args:
        data: name with regime.
        sections: of the board.
        terms: of each section, in lines.
    """
    shown = [(s, lines) for s, lines in zip(sections, terms, strict=True) if s.example]
    if not shown:
        return None
    heights = [TOP + ROW * sum(bool(r.done) for r in s.rows) for s, _ in shown]
    width = LEFT + CELL * (1 + max(len(s.by_count) for s, _ in shown)) + 0.5
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure((max(width, 8), sum(heights) + 0.5), dpi=130)
        canvas, base = FigureCanvasAgg(figure), 0.45
        for (section, lines), height in reversed(list(zip(shown, heights, strict=True))):
            across, tall = figure.get_size_inches()
            panel = CELL * (1 + len(section.by_count)) / across, (height - TOP) / tall
            axes = figure.add_axes((LEFT / across, base / tall, *panel))
            _panel(axes, section, data, lines)
            base += height
        figure.text(
            0.15 / figure.get_figwidth(),
            0.12 / figure.get_figheight(),
            "Recall in %, mean over seeds, from 0 (dark) to 100 (light); rows sorted by balanced "
            "accuracy.  † reconstruction  ✗ some seeds failed, not ranked",
            fontsize=8.5,
            color="0.35",
        )
        file = io.BytesIO()
        canvas.print_png(file, metadata={"Software": None})
    return file.getvalue()


def _panel(axes: Axes, section: Section, data: str, lines: list[str]) -> None:
    record, order = section.example, section.by_count
    assert record is not None  # the caller shows finished sections only
    rows = [row for row in section.rows if row.done]
    means = np.full((len(rows), len(order) + 1), np.nan)
    for i, row in enumerate(rows):
        stats = [row.stat(column(PRIMARY)), *(row.of_class("recall", k) for k in order)]
        means[i] = [100 * s.mean if s else np.nan for s in stats]
    image = np.ma.masked_invalid(means)
    axes.imshow(image, cmap="viridis", vmin=0, vmax=100, aspect="auto")
    axes.set_facecolor("0.9")
    for (i, j), value in np.ndenumerate(means):
        undefined = np.isnan(value)
        text, light = ("n/a", True) if undefined else (f"{value:.0f}", value > 50)
        weight = "bold" if j == 0 else "normal"
        axes.text(
            j, i, text, ha="center", va="center", weight=weight, color="black" if light else "white"
        )
    for i in range(1, len(rows)):
        axes.axhline(i - 0.5, color="white", linewidth=1)
    for j in range(len(order)):
        axes.axvline(j + 0.5, color="white", linewidth=1 if j else 6)
    names = [
        f"{record.class_names[k]}\n{section.class_groups[k]}\n{record.class_counts[k]:,}"
        for k in order
    ]
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(names) + 1), ["balanced\naccuracy\ntrain images:", *names])
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    seeds = len(section.seeds)
    title = f"Recall per class: {data}, {seeds} seed{'s' if seeds != 1 else ''}"
    for text, up, look in (
        (title, 76, {"fontsize": 13, "weight": "bold"}),
        ("\n".join(lines), 70, {"fontsize": 8.5, "color": "0.35", "va": "top"}),
    ):
        axes.annotate(
            text,
            (0, 1),
            (-72 * (LEFT - 0.15), up),
            xycoords=axes.transAxes,
            textcoords="offset points",
            annotation_clip=False,
            **look,  # type: ignore[arg-type]
        )


def _label(row: Row) -> str:
    name = row.name if len(row.name) <= LONGEST else f"{row.name[: LONGEST - 1]}…"
    return name + " †" * row.reconstruction + " ✗" * (not row.complete)
