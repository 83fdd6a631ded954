"""What a split that leaks gives each method, and does to their order, from published boards.

    .venv/bin/python tools/leaks.py    # seconds; writes docs/leaks.png, and tables in docs/leaks.md

A gain is the mean on the leaking split less that on the honest one, on the same terms; its interval
adds up both sides' variances, which share no test. Orders are held together by Kendall's tau. What
it would be if a leak moved all methods alike is drawn: both orders from the honest means, each with
the noise of its own side (the variances of its paired differences).
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from medtail.benchmark.boards.columns import column
from medtail.benchmark.boards.critical_difference import key_of
from medtail.benchmark.boards.formatting import code, markdown
from medtail.benchmark.boards.over_sources import spread
from medtail.benchmark.boards.picture import STYLE, png
from medtail.benchmark.boards.section import key, sections
from medtail.benchmark.boards.standing import standings
from medtail.benchmark.evidence.published import read_predictions
from medtail.benchmark.evidence.record import read_lines
from medtail.benchmark.grid.files import load
from medtail.benchmark.statistics.ranking import kendall
from medtail.datamodules.core.writing import whole

ROOT = Path(__file__).parents[1]
METRIC = "balanced_accuracy"
START, END = "<!-- tools/leaks.py -->\n", "<!-- end -->\n"
HONEST = {
    "isic2018": "lesion",
    "chula_rbc12": "smear",
    "pocus_lung": "patient",
    "iq_othnccd": "block",
}
DRAWS = 10_000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """A table on one split.

    Attributes:
        names: of its rows.
        keys: of its rows, the same in any table.
        mean: [M] balanced accuracy of each, from 0 to 1.
        half: [M] half of its interval of 95 %.
        root: [M, M] a square root of the covariance of the rows about their mean.
    """

    names: tuple[str, ...]
    keys: list[str]
    mean: Floats
    half: Floats
    root: Floats


@dataclass(frozen=True)
class Leak:
    """A source on both splits.

    Attributes:
        source: its slug.
        honest: what its rows share no test with.
        leaky: split by image.
        tau: Kendall's tau of both orders.
        alike: [DRAWS] what tau would be if all rows gained alike.
    """

    source: str
    honest: Side
    leaky: Side
    tau: float
    alike: Floats

    @property
    def gain(self) -> Floats:
        """[M] of each row, from 0 to 1."""
        return self.leaky.mean - self.honest.mean

    @property
    def half(self) -> Floats:
        """[M] half of the interval of 95 % of each gain."""
        return np.hypot(self.leaky.half, self.honest.half)


def orders(honest: Side, leaky: Side, draws: int = DRAWS) -> tuple[float, Floats]:
    """Tau as it is, and [draws] as it would be between two draws about the honest means."""
    rng = np.random.default_rng(0)
    tau = kendall(honest.mean.tolist(), leaky.mean.tolist())
    first, second = (
        honest.mean + rng.standard_normal((draws, len(side.mean))) @ side.root.T
        for side in (honest, leaky)
    )
    concordant = _signs(first) * _signs(second)
    assert tau is not None
    return tau, concordant.mean(1)


def _signs(scores: Floats) -> Floats:
    one, other = np.triu_indices(scores.shape[1], 1)
    return np.sign(scores[:, one] - scores[:, other])


def side(folder: Path, slug: str, terms: set[str], keys: list[str]) -> Side:
    """Some rows of a published table, or all where none are named.

    Raises:
        SystemExit: it or one of its rows is not published.
    """
    path = folder / "records" / f"{slug}.jsonl"
    parts = sections(read_lines(path)) if path.exists() else []
    known = standings(folder, slug, parts, lambda: read_predictions(folder, slug)) if parts else []
    for part, standing in zip(parts, known, strict=True):
        rows = {key_of(row): row for row in part.rows if row.complete}
        keys = keys or list(rows)
        if key(part.terms) in terms and rows.keys() >= set(keys):
            chosen = [rows[one] for one in keys]
            stats = [row.stat(column(METRIC)) for row in chosen]
            ends = [standing.of(row).intervals[METRIC] for row in chosen]
            return Side(
                tuple(row.name for row in chosen),
                keys,
                np.array([stat.mean if stat else np.nan for stat in stats]),
                np.array([(high - low) / 2 for _, low, high in ends]),
                spread(part, standing.pairs, keys, METRIC),
            )
    raise SystemExit(f"{slug}: no whole table of the suite in {folder}: run and publish it")


def measured(folder: Path) -> list[Leak]:
    """Every source of the suite whose leaking table is published."""
    found = []
    for source in HONEST:
        slugs = f"{source}+leaky_image@natural", f"{source}@natural"
        if not (folder / "records" / f"{slugs[0]}.jsonl").exists():
            continue
        terms = [
            {key(c.terms) for c in load(suite).cells() if c.terms.data == slug}
            for suite, slug in zip(("leaks", "sources-frozen"), slugs, strict=True)
        ]
        leaky = side(folder, slugs[0], terms[0], [])
        honest = side(folder, slugs[1], terms[1], leaky.keys)
        found.append(Leak(source, honest, leaky, *orders(honest, leaky)))
    return found


def text(found: list[Leak]) -> str:
    """The part of the page: a line a source, then a table of methods."""
    head = ["source", "honest by", "erm, honest", "erm, by image", "mean gain", "from", "to"]
    lines = [[*head, "tau", "tau if all gained alike"]]
    for one in found:
        at = one.leaky.names.index("erm")
        low, middle, high = np.percentile(one.alike, [2.5, 50, 97.5])
        gains = 100 * np.sort(one.gain)
        lines.append(
            [
                code(one.source),
                HONEST[one.source],
                *(_percent(s.mean[at], s.half[at]) for s in (one.honest, one.leaky)),
                f"{gains.mean():+.1f}",
                f"{gains[0]:+.1f}",
                f"{gains[-1]:+.1f}",
                f"{one.tau:.2f}",
                f"{middle:.2f} ({low:.2f} to {high:.2f})",
            ]
        )
    names = sorted(found[0].leaky.names)
    rows = [["method", *(f"{one.source}: honest, gain" for one in found)]]
    for name in names:
        cells = [code(name)]
        for one in found:
            at = one.leaky.names.index(name)
            gain, half = 100 * one.gain[at], 100 * one.half[at]
            cells.append(f"{100 * one.honest.mean[at]:.1f}, {gain:+.1f} ± {half:.1f}")
        rows.append(cells)
    missing = [code(source) for source in HONEST if source not in {one.source for one in found}]
    told = f"\nNot run yet: {', '.join(missing)}.\n" if missing else ""
    return f"{markdown(lines, left=0)}\n{told}\n{markdown(rows, left=0)}\n"


def _percent(mean: float, half: float) -> str:
    return f"{100 * mean:.1f} ± {100 * half:.1f}"


def picture(found: list[Leak]) -> bytes:
    """PNG: a panel a source, a line a method from its honest to its leaking number."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure((11, 4.4), dpi=130)
        for n, (one, axes) in enumerate(zip(found, figure.subplots(1, len(found)), strict=True)):
            order = np.argsort(np.argsort(-one.honest.mean))
            for m, name in enumerate(one.leaky.names):
                ends = 100 * one.honest.mean[m], 100 * one.leaky.mean[m]
                plain = name == "erm"
                shade = "black" if plain else matplotlib.colormaps["viridis"](order[m] / len(order))
                axes.plot((0, 1), ends, color=shade, linewidth=2.4 if plain else 1.1, alpha=0.9)
                if plain:
                    axes.annotate("erm", (1, ends[1]), (4, 0), textcoords="offset points")
            axes.set_xticks((0, 1), (f"by {HONEST[one.source]}", "by image"))
            axes.set_xlim(-0.12, 1.25)
            axes.set_title(f"{one.source}: tau {one.tau:.2f}", fontsize=10)
            if n == 0:
                axes.set_ylabel("Balanced accuracy, %")
        line = "A split that leaks: what each method gains (colour: its place on the honest split)"
        figure.suptitle(line, x=0.01, ha="left", fontsize=11, weight="bold")
        figure.tight_layout()
        return png(figure)


def main() -> None:
    """Write the picture and the page's part."""
    found = measured(ROOT / "leaderboards")
    page = ROOT / "docs" / "leaks.md"
    before, _, rest = page.read_text().partition(START)
    after = rest.partition(END)[2]
    for path, content in (
        (page, f"{before}{START}\n{text(found)}\n{END}{after}".encode()),
        (ROOT / "docs" / "leaks.png", picture(found)),
    ):
        with whole(path) as part:
            part.write_bytes(content)
        sys.stdout.write(f"{path.relative_to(ROOT)}: written\n")


if __name__ == "__main__":
    main()
