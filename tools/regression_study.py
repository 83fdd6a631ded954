"""How often `medtail regress` cries wolf and how often it finds a true drop, by simulation.

    .venv/bin/python tools/regression_study.py            # about two minutes; docs/regression.md

Model, fitted to a board's real records and predictions. The balanced accuracy of a training is its
row's mean plus noise of the row's own variance; that variance is drawn, for every simulated
comparison anew, from what the records allow it to be (Smyth's law given the observed variance).
The part of the variance that is chance among single test images, `image_variance`, is measured on
the predictions of different seeds and shrinks with the test set; the rest stays. A true drop flips
correct predictions at random until 3 points are lost in expectation. The verdicts are those of the
functions that the command uses.
"""

import sys
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm
from scipy.stats import t as student

from medtail.benchmark.boards.leaderboard import read_predictions
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.record import Record, read_lines
from medtail.benchmark.regression.noise import training_error
from medtail.benchmark.regression.verdicts import LEVEL
from medtail.benchmark.statistics.ranking import holm
from medtail.benchmark.statistics.variance import moderated

ROOT = Path(__file__).parents[1]
DROP = 0.03
RUNS = 1000
SEEDS = (3, 5, 8, 16, 32, 48)
LARGER = (5, 8, 16, 32)  # of a test set four times as large
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """What is known of the rows of a board.

    Attributes:
        name: of the board.
        variance: [R] between seeds, as observed.
        freedom: [R] its degrees of freedom.
        image_variance: [R] the part of it that is chance among images.
        image_error: [R] squared standard error over other samples of a difference of two seeds.
        flip_variance: [R] of the loss, where flips lose ``DROP`` in expectation.
    """

    name: str
    variance: Floats
    freedom: Floats
    image_variance: Floats
    image_error: Floats
    flip_variance: Floats


def load(folder: Path, slug: str) -> tuple[list[Record], dict[str, Predictions]]:
    """Finished records of a board, and predictions."""
    records = [r for r in read_lines(folder / "records" / f"{slug}.jsonl") if r.status == "ok"]
    return records, read_predictions(folder, slug)


def fitted(name: str, records: list[Record], stored: dict[str, Predictions]) -> Table:
    """Measure the noise of every row."""
    rows = defaultdict(list)
    for record in records:
        rows[record.cell.row].append(stored[record.cell_id])
    return Table(name, *np.array([_measured(seeds) for seeds in rows.values()]).T)


def _measured(seeds: list[Predictions]) -> tuple[float, ...]:
    target, group = seeds[0].target, np.unique(seeds[0].group, return_inverse=True)[1]
    right = np.array([p.probabilities.argmax(1) == p.target for p in seeds], dtype=np.float64)
    classes = np.unique(target)
    images = errors = flips = 0.0
    recalls = []
    for k in classes:
        mine = target == k
        of = np.unique(group[mine], return_inverse=True)[1]
        recall = right[:, mine].mean(1)
        recalls.append(recall)
        n, groups = mine.sum(), of.max() + 1
        # Seed minus seed, less its own mean: summed over a group's images.
        apart = []
        for a, b in combinations(range(len(seeds)), 2):
            d = right[a, mine] - right[b, mine]
            apart.append(np.bincount(of, d - d.mean()).var(ddof=1) * groups / n**2)
        errors += float(np.mean(apart))
        images += float(np.mean(apart)) / 2  # of one seed, not of a difference
        flips += float(recall.mean()) / n
    accuracy = np.mean(recalls, 0)
    share = DROP / accuracy.mean()
    scale = len(classes) ** 2
    variance = float(accuracy.var(ddof=1))
    # Two seeds differ on images by chance and by what they learnt: no more than all variance.
    return (
        variance,
        len(seeds) - 1.0,
        images / scale,
        errors / scale,
        flips * share * (1 - share) / scale,
    )


def truths(table: Table, rng: np.random.Generator) -> Floats:
    """[runs, R] variances between seeds that the records allow: Smyth's posterior."""
    centre, freedom = moderated(table.variance, table.freedom)
    return centre * freedom / rng.chisquare(freedom, (RUNS, len(centre)))


def simulate(
    table: Table, seeds: int, images: float, same_draws: float, drop: float, shape: float = np.inf
) -> Floats:
    """[runs, R] adjusted p-values of comparisons.

    Args:
        table: the board.
        seeds: of both sides.
        images: size of the test set over the real one's.
        same_draws: correlation of the trainings of one seed on both sides.
        drop: that the first row of each run suffers.
        shape: degrees of freedom of the noise's law; infinite is normal.
    """
    rng = np.random.default_rng([seeds, int(100 * images), int(100 * same_draws), int(100 * drop)])
    rows = len(table.variance)
    order = rng.permuted(np.tile(np.arange(rows), (RUNS, 1)), axis=1)  # the first row is any row
    variance = truths(table, rng)
    chance = np.minimum(table.image_variance, 0.9 * variance)
    sd = np.sqrt(variance - chance + chance / images)[..., None]
    base, fresh = (_noise(rng, (RUNS, rows, seeds), shape) for _ in range(2))
    new = same_draws * base + np.sqrt(1 - same_draws**2) * fresh
    loss = (base - new) * sd
    flips = np.sqrt(table.flip_variance[:, None] / images) * rng.normal(size=loss.shape)
    first = np.zeros((RUNS, rows), bool)
    first[np.arange(RUNS), order[:, 0]] = drop > 0
    loss = (loss + first[..., None] * (drop + flips)).mean(2)
    observed = (base * sd).var(2, ddof=1)
    error = table.image_error * (1 - same_draws**2) + first * table.flip_variance
    samples = np.sqrt(error / images / seeds)
    own = np.full(rows, seeds - 1.0)
    known, freedom = moderated(observed, own)
    with np.errstate(divide="ignore", invalid="ignore"):
        paired = np.nan_to_num(norm.sf(loss / samples), nan=1)
    worse = student.sf(loss / np.sqrt(2 * known / seeds), freedom)
    adjusted = np.array([holm(p) for p in np.maximum(worse, paired)])
    return np.take_along_axis(adjusted, order, 1)


def _noise(rng: np.random.Generator, size: tuple[int, ...], shape: float) -> Floats:
    """Of variance 1."""
    if np.isinf(shape):
        return rng.normal(size=size)
    return rng.standard_t(shape, size) / np.sqrt(shape / (shape - 2))


def share(found: NDArray[np.bool_]) -> str:
    """Per 100, with Clopper and Pearson's interval of 95 %."""
    hits, runs = int(found.sum()), len(found)
    low = beta.ppf(0.025, hits, runs - hits + 1) if hits else 0
    high = beta.ppf(0.975, hits + 1, runs - hits) if hits < runs else 1
    return f"{100 * hits / runs:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def write(line: str) -> None:
    """To standard output at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def report(table: Table) -> None:
    """Print the noise and the two shares of a board over seeds and test sizes."""
    centre, freedom = moderated(table.variance, table.freedom)
    spread = 100 * np.sqrt(np.median(centre))
    chance = table.image_variance.sum() / table.variance.sum()
    write(f"\n### {table.name}, {len(centre)} rows\n")
    write(
        f"Between seeds {spread:.2f} points (median row); {100 * chance:.0f} % of the variance is "
        f"chance among test images; {freedom.min():.0f} degrees of freedom after pooling.\n"
    )
    write("| seeds | test set | false alarms / 100 | found, drawn anew | same draws | 95 % of |")
    write("| --- | --- | --- | --- | --- | --- |")
    for images, amounts in ((1, SEEDS), (4, LARGER)):
        for seeds in amounts:
            alarms = (simulate(table, seeds, images, 0, 0) <= LEVEL).any(1)
            anew, same = (
                simulate(table, seeds, images, rho, DROP)[:, 0] <= LEVEL for rho in (0, 0.99)
            )
            size = f"{100 * found_drop(table, seeds, images):.1f} points"
            cells = (str(seeds), f"x {images}", share(alarms), share(anew), share(same), size)
            write(f"| {' | '.join(cells)} |")


def found_drop(table: Table, seeds: int, images: float) -> float:
    """The drop of the median row that is found 95 times in 100, were both sides drawn anew."""
    centre, freedom = moderated(table.variance, table.freedom)
    chance = table.image_variance.sum() / table.variance.sum()
    error = training_error(float(np.median(centre)) * (1 - chance + chance / images), seeds)
    known = float(np.median(freedom / table.freedom)) * (seeds - 1)
    return float(student.isf(LEVEL / len(centre), known) + norm.isf(0.05)) * error


def main() -> None:
    """Print the study's tables."""
    boards = {
        "isic2018@natural": ROOT / "leaderboards",
        "isic2018@lt100": ROOT / "leaderboards",
        "phantom@lt100": ROOT / "tests" / "golden",
    }
    for slug, folder in boards.items():
        if (folder / "records" / f"{slug}.jsonl").exists():
            report(fitted(slug, *load(folder, slug)))


if __name__ == "__main__":
    main()
