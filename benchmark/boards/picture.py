"""The picture of a leaderboard: recall of every class, means with intervals, or learning curves."""

import io
import textwrap
import warnings

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from medtail.datamodules.core.contract import Track

from . import curve_plot, dot_plot
from .columns import column
from .formatting import short_name, shortened
from .section import Section

ROW, LEFT, TITLE, LINE = 0.30, 3.3, 0.65, 0.15  # inches; of a title without the lines of its terms
SMALL = 14  # letters of the terms in an inch
DOTS = 3.6  # inches of the axes with dots, a margin to its right included
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.unicode_minus": False,
    "text.parse_math": False,  # names may have a $
}
SUBJECTS: dict[Track, str] = {
    "long_tail": "Recall per class",
    "few_shot": "AUC over episodes and per rare class",
    "one_class": "AUROC, overall and per abnormal class",
    "active": "Learning curves",
}
FEET: dict[Track, str] = {
    "long_tail": "Recall in %, mean over seeds, from 0 (dark) to 100 (light); rows sorted by "
    "balanced accuracy, classes by training images.\n"
    "† reconstruction   ✗ seeds failed or missing, not ranked",
    "few_shot": "In %. Filled: mean over seeds, its bar ± sd over seeds; rings: the seeds; band: "
    "95 % interval over a seed's episodes.\nCells: from 40 (dark) to 100 (light), classes by test "
    "images. † reconstruction   ✗ seeds failed or missing, not ranked",
    "one_class": "In %. Filled: mean over seeds, its bar ± sd over seeds; rings: the seeds.\n"
    "Cells: from 40 (dark) to 100 (light), classes by test images. "
    "† reconstruction   ✗ seeds failed or missing, not ranked",
    "active": "Mean over seeds, band ± sd over seeds; labels sorted by the last value. "
    "† reconstruction   ✗ seeds failed or missing",
}


def picture(data: str, sections: list[Section], terms: list[list[str]]) -> bytes | None:
    """PNG, a panel per section; None where no section has a finished row.

    The same input gives the same bytes: the file carries no date and no version.

    Args:
        data: name with regime.
        sections: of the board, all of one track.
        terms: of each section, in lines.
    """
    shown = [(s, lines) for s, lines in zip(sections, terms, strict=True) if s.example]
    if not shown:
        return None
    with matplotlib.style.context(["default", STYLE]):
        draw = _curves if sections[0].track == "active" else _tables
        figure = draw(data, shown)
        return png(figure)


def png(figure: Figure) -> bytes:
    """A figure's file; a letter that the font lacks is a box, and no warning."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        FigureCanvasAgg(figure).print_png(file, metadata={"Software": None})
    return file.getvalue()


def _curves(data: str, shown: list[tuple[Section, list[str]]]) -> Figure:
    """Learning curves below each other, a block per section."""
    blocks = [curve_plot.height(section) for section, _ in shown]
    across = curve_plot.WIDTH
    titles = [_wrapped(lines, across) for _, lines in shown]
    tall = 0.55 + sum(blocks) + sum(map(_height, titles))
    figure, top = Figure((across, tall), dpi=130), tall
    for (section, _), lines, block in zip(shown, titles, blocks, strict=True):
        _title(figure, data, section, lines, top - _height(lines))
        top -= _height(lines) + block
        curve_plot.draw(figure, section, top)
    _foot(figure, shown[0][0])
    return figure


def _tables(data: str, shown: list[tuple[Section, list[str]]]) -> Figure:
    """A row per method: a cell per class, and dots with intervals where the track has them."""
    heads = [_head(section) for section, _ in shown]
    left = LEFT + (0 if shown[0][0].track == "long_tail" else DOTS)
    sizes = [
        (cell * (1 + len(s.by_count)), ROW * sum(bool(r.done) for r in s.rows))
        for (s, _), (_, cell, _) in zip(shown, heads, strict=True)
    ]
    across = max(8.5, left + max(width for width, _ in sizes) + 0.5)
    titles = [_wrapped(lines, across) for _, lines in shown]
    tall = 0.55 + sum(map(_height, titles))
    tall += sum(rows + head for (_, rows), (*_, head) in zip(sizes, heads, strict=True))
    figure, top = Figure((across, tall), dpi=130), tall
    for (section, _), lines, (names, _, head), (width, rows) in zip(
        shown, titles, heads, sizes, strict=True
    ):
        top -= _height(lines) + head + rows
        axes = figure.add_axes((left / across, top / tall, width / across, rows / tall))
        _cells(axes, section)
        _label(axes, section, names)
        if left > LEFT:
            area = (LEFT / across, top / tall, (DOTS - 0.3) / across, rows / tall)
            dots = figure.add_axes(area)
            dot_plot.draw(dots, section)
            axes.set_yticks([])
            _names(dots, section)
        _title(figure, data, section, lines, top + rows + head)
    _foot(figure, shown[0][0])
    return figure


def _wrapped(lines: list[str], across: float) -> list[str]:
    """The terms of a section in lines that fit a figure so many inches wide."""
    most = int(SMALL * (across - 0.3))
    return [part for line in lines for part in textwrap.wrap(line, most)]


def _height(lines: list[str]) -> float:
    """Inches of a section's title above these lines, and of them."""
    return TITLE + LINE * len(lines)


def _title(figure: Figure, data: str, section: Section, lines: list[str], edge: float) -> None:
    """The head of a section above ``edge`` (inches from below)."""
    across, tall = figure.get_size_inches()
    seeds = len(section.seeds)
    subject = SUBJECTS[section.track]
    title = f"{subject}: {data}, {seeds} seed{'s' if seeds != 1 else ''}"
    edge, x = edge / tall, 0.15 / across
    above = edge + (0.2 + LINE * len(lines)) / tall
    figure.text(x, above, title, fontsize=13, weight="bold")
    figure.text(x, edge + 0.1 / tall, "\n".join(lines), fontsize=8.5, color="0.35")


def _foot(figure: Figure, section: Section) -> None:
    across, tall = figure.get_size_inches()
    x, y = 0.15 / across, 0.12 / tall
    figure.text(x, y, FEET[section.track], fontsize=8.5, color="0.35")


def _head(section: Section) -> tuple[list[str], float, float]:
    """Labels of the columns, their width and height in inches; many or long ones stand upright."""
    record = section.example
    assert record is not None  # the caller shows finished sections only
    of = "train" if section.track == "long_tail" else "test"
    counts = record.class_counts if of == "train" else record.support
    groups = section.class_groups if of == "train" else ()
    facts = [
        (shortened(section.names[k]), *([groups[k]] if groups else []), f"{counts[k]:,}")
        for k in section.by_count
    ]
    words = column(section.view.primary).words
    longest = max(len(name) for name, *_ in facts)
    if longest <= 12 and len(facts) <= 10:
        lines = [*words.split(" "), f"{of} images:"]
        return ["\n".join(lines), *map("\n".join, facts)], 0.95, 0.7
    names = [f"{name} ({', '.join(rest)})" for name, *rest in facts]
    return [words, *names], 0.5, 0.2 + 0.075 * max(18, *map(len, names))


def _cells(axes: Axes, section: Section) -> None:
    order, low = section.by_count, 0 if section.track == "long_tail" else 40
    metric = next(iter(section.view.classes))
    rows = [row for row in section.rows if row.done]
    means = np.full((len(rows), len(order) + 1), np.nan)
    for i, row in enumerate(rows):
        primary = row.stat(column(section.view.primary))
        stats = [primary, *(row.of_class(metric, k) for k in order)]
        means[i] = [100 * s.mean if s else np.nan for s in stats]
    image = np.ma.masked_invalid(means)
    axes.imshow(image, cmap="viridis", vmin=low, vmax=100, aspect="auto")
    axes.set_facecolor("0.9")
    for (i, j), value in np.ndenumerate(means):
        undefined = np.isnan(value)
        text, light = ("n/a", True) if undefined else (f"{value:.0f}", value > (low + 100) / 2)
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
    _names(axes, section)
    axes.spines[:].set_visible(False)


def _names(axes: Axes, section: Section) -> None:
    rows = [row for row in section.rows if row.done]
    axes.set_yticks(range(len(rows)), [short_name(row) for row in rows])
    axes.tick_params(length=0)
