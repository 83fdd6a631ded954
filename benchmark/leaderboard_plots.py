"""The heat map of a leaderboard: recall of every class by every method."""

import io

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .leaderboard_columns import PRIMARY, column
from .leaderboard_rows import Row, Section

ROW, LEFT, TITLE = 0.30, 2.9, 0.95  # inches
LONGEST = 36  # letters of a row's name that fit into LEFT
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
    heads = [_head(section) for section, _ in shown]
    sizes = [
        (cell * (1 + len(s.by_count)), ROW * sum(bool(r.done) for r in s.rows))
        for (s, _), (_, cell, _) in zip(shown, heads, strict=True)
    ]
    across = max(8.5, LEFT + max(width for width, _ in sizes) + 0.5)
    tall = 0.55 + sum(
        rows + head + TITLE for (_, rows), (*_, head) in zip(sizes, heads, strict=True)
    )
    with matplotlib.style.context(["default", STYLE]):
        figure, top = Figure((across, tall), dpi=130), tall
        for (section, lines), (names, _, head), (width, rows) in zip(
            shown, heads, sizes, strict=True
        ):
            top -= TITLE + head + rows
            area = (LEFT / across, top / tall, width / across, rows / tall)
            axes = figure.add_axes(area)
            _cells(axes, section)
            _label(axes, section, names)
            seeds = len(section.seeds)
            title = f"Recall per class: {data}, {seeds} seed{'s' if seeds != 1 else ''}"
            edge, x = (top + rows + head) / tall, 0.15 / across
            figure.text(x, edge + 0.5 / tall, title, fontsize=13, weight="bold")
            figure.text(x, edge + 0.1 / tall, "\n".join(lines), fontsize=8.5, color="0.35")
        figure.text(
            0.15 / across,
            0.12 / tall,
            "Recall in %, mean over seeds, from 0 (dark) to 100 (light); rows sorted by balanced "
            "accuracy, classes by training images.\n"
            "† reconstruction   ✗ seeds failed or missing, not ranked",
            fontsize=8.5,
            color="0.35",
        )
        file = io.BytesIO()
        FigureCanvasAgg(figure).print_png(file, metadata={"Software": None})
    return file.getvalue()


def _head(section: Section) -> tuple[list[str], float, float]:
    """Labels of the columns, their width and height in inches; many or long ones stand upright."""
    record = section.example
    assert record is not None  # the caller shows finished sections only
    facts = [
        (record.class_names[k], section.class_groups[k], f"{record.class_counts[k]:,}")
        for k in section.by_count
    ]
    longest = max(len(name) for name, *_ in facts)
    if longest <= 12 and len(facts) <= 10:
        return ["balanced\naccuracy\ntrain images:", *map("\n".join, facts)], 0.95, 0.7
    names = [f"{name} ({group}, {count})" for name, group, count in facts]
    return ["balanced accuracy", *names], 0.5, 0.2 + 0.075 * max(18, *map(len, names))


def _cells(axes: Axes, section: Section) -> None:
    order = section.by_count
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


def _label(axes: Axes, section: Section, names: list[str]) -> None:
    axes.xaxis.tick_top()
    upright = 90 if "\n" not in names[0] else 0
    axes.set_xticks(range(len(names)), names, rotation=upright)
    rows = [row for row in section.rows if row.done]
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _name(row: Row) -> str:
    name = row.name if len(row.name) <= LONGEST else f"{row.name[: LONGEST - 1]}…"
    return name + " †" * row.reconstruction + " ✗" * (not row.complete)
