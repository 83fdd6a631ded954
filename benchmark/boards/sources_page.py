"""The table over sources as it is shown: Markdown for the front page, and a heat map."""

import math

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure

from .columns import column
from .formatting import code, markdown, shortened
from .over_sources import Numbers, OverSources
from .picture import STYLE, png

PICTURE = "sources.png"
CELL, ROW, LEFT, HEAD = 0.72, 0.27, 3.6, 2.1  # inches


def text(found: OverSources) -> str:
    """A section of the front page."""
    metrics = list(found.rows[0].gains)
    words = [column(metric).words for metric in metrics]
    head = ["Method"]
    for said in words:
        head += [f"Mean rank, {said}", f"Gain over {code(found.reference)}, {said}"]
    lines = [head]
    for row in found.rows:
        cells = [code(row.name)]
        for metric in metrics:
            cells += [_rank(row.rank.get(metric)), _points(row.gain.get(metric))]
        lines.append(cells)
    sure, pairs = found.sure
    told = (
        f"Wilcoxon's signed-rank test over the {len(found.core)} core sources, corrected for all "
        f"pairs (Holm), tells {sure} of {pairs:,} pairs apart"
    )
    if len(found.core) < found.needed:
        told += f"; with so many rows it can tell none below {found.needed} sources"
    beside = f" Beside them, never averaged: {', '.join(found.stress)}." if found.stress else ""
    return "\n\n".join(
        [
            "## Over sources",
            f"Frozen ImageNet features, the long tail. Core sources, each weighted alike: "
            f"{', '.join(found.core)}.{beside} [Which is which, and why](../docs/sources.md).",
            f"Ranks and gains (points of %) with intervals of 95 %, from sources, trainings and "
            f"samples drawn anew. {told}. A row that a core source lacks is not ranked.",
            f"![Gains of each row on each source]({PICTURE})",
            markdown(lines, left=0),
        ]
    )


def _rank(numbers: Numbers | None) -> str:
    if numbers is None:
        return "n/a"
    return "{:.1f} ({:.1f} to {:.1f})".format(*numbers)


def _points(numbers: Numbers | None) -> str:
    if numbers is None:
        return "n/a"
    return "{:+.1f} ({:+.1f} to {:+.1f})".format(*(100 * n for n in numbers))


def heat_map(found: OverSources) -> bytes:
    """PNG: gains of rows on sources, a panel for each metric; core sources left of the others."""
    metrics = list(found.rows[0].gains)
    sources = [*found.core, *found.stress]
    width, tall = CELL * len(sources), ROW * len(found.rows)
    across, high = LEFT + len(metrics) * (width + 0.4) + 0.2, HEAD + tall + 0.6
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure((across, high), dpi=130)
        for n, metric in enumerate(metrics):
            gains = np.array([row.gains[metric] for row in found.rows], dtype=np.float64) * 100
            left = LEFT + n * (width + 0.4)
            axes = figure.add_axes((left / across, 0.6 / high, width / across, tall / high))
            most = max(5.0, float(np.nanpercentile(np.abs(gains), 95)))
            masked = np.ma.masked_invalid(gains)
            axes.imshow(masked, cmap="PuOr", vmin=-most, vmax=most, aspect="auto")
            axes.set_facecolor("0.9")
            for (i, j), value in np.ndenumerate(gains):
                said = "n/a" if math.isnan(value) else f"{value:+.1f}"
                shade = "white" if abs(value) > 0.75 * most else "black"
                axes.text(j, i, said, ha="center", va="center", color=shade, fontsize=8)
            if found.stress:
                axes.axvline(len(found.core) - 0.5, color="white", linewidth=5)
            axes.xaxis.tick_top()
            axes.set_xticks(range(len(sources)), sources, rotation=60, ha="left")
            names = [shortened(row.name) for row in found.rows] if n == 0 else []
            axes.set_yticks(range(len(names)), names, fontsize=8.5)
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            top = (0.6 + tall + HEAD - 0.75) / high
            title = column(metric).title
            figure.text(left / across, top, title, fontsize=10, weight="bold")
        line = f"Gain over {found.reference} on frozen features, points of %"
        figure.text(0.15 / across, 1 - 0.35 / high, line, fontsize=13, weight="bold")
        foot = "Core sources, then stress sources; rows by their mean rank over core sources."
        figure.text(0.15 / across, 0.2 / high, foot, fontsize=8.5, color="0.35")
        return png(figure)
