"""Three ways to an interval of a rank, in worlds whose ranks are known; docs/coverage.md.

    .venv/bin/python tools/rank_study.py               # a minute of one core

Thirty rows of three trainings each, whose variances differ between rows; a test set adds an error
that rows share in half. *Pairs* is what the boards do: rows that are surely above and below, by the
intervals of differences. *Draws* takes the middle 95 % of ranks of scores drawn from their t
distributions, *shrunk* does so after pulling the scores to their mean as far as their spread
allows.
"""

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from medtail.benchmark.statistics.variance import moderated

Floats = NDArray[np.float64]
ROWS, SEEDS, BOARDS, DRAWS = 30, 3, 300, 400
SAMPLES = 1.0  # standard error of the test set over the usual deviation between trainings
Shape = Callable[[np.random.Generator], Floats]
SHAPES: dict[str, Shape] = {
    "normal": lambda rng: rng.normal(size=ROWS),
    "nearly tied": lambda rng: 0.3 * rng.normal(size=ROWS),
    "far apart": lambda rng: 4 * rng.normal(size=ROWS),
    "three stand out": lambda rng: 8.0 * (np.arange(ROWS) < 3) + 0.1 * rng.normal(size=ROWS),
    "two groups": lambda rng: 3.0 * (np.arange(ROWS) % 2) + 0.1 * rng.normal(size=ROWS),
    "skewed": lambda rng: -rng.exponential(size=ROWS),
}


def board(
    shape: Callable[[np.random.Generator], Floats], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """True scores [M], and what was seen of them [M, S]."""
    usual = np.sqrt(1 / SEEDS + SAMPLES**2 / 2)
    true = usual * shape(rng)
    sigma = np.sqrt(6 / rng.chisquare(6, ROWS))
    error = SAMPLES * np.sqrt(0.5) * (rng.normal(size=ROWS) + rng.normal())
    return true, (true + error)[:, None] + sigma[:, None] * rng.normal(size=(ROWS, SEEDS))


def by_pairs(seen: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """[M] lower and upper ends."""
    first, second = np.triu_indices(ROWS, 1)
    apart = seen[first] - seen[second]
    variance, freedom = moderated(apart.var(1, ddof=1), np.full(len(apart), SEEDS - 1.0))
    training, total = variance / SEEDS, variance / SEEDS + SAMPLES**2
    half = student.ppf(0.975, freedom * (total / training) ** 2) * np.sqrt(total)
    above = np.zeros((ROWS, ROWS), bool)
    above[first, second], above[second, first] = apart.mean(1) > half, apart.mean(1) < -half
    return 1.0 + above.sum(0), ROWS - above.sum(1).astype(np.float64)


def by_draws(seen: Floats, rng: np.random.Generator, shrink: bool = False) -> tuple[Floats, Floats]:
    """The same."""
    variance, freedom = moderated(seen.var(1, ddof=1), np.full(ROWS, SEEDS - 1.0))
    mean, training, own = seen.mean(1), variance / SEEDS, SAMPLES**2 / 2
    noise = rng.normal(0, np.sqrt(own), (DRAWS, ROWS))
    noise += np.sqrt(training) * rng.standard_t(freedom, (DRAWS, ROWS))
    if shrink:
        total = own + training
        spread = max(mean.var(ddof=1) - total.mean(), 1e-9)
        keep = spread / (spread + total)
        middle = np.average(mean, weights=1 / (spread + total))
        mean, noise = middle + keep * (mean - middle), noise * np.sqrt(keep)
    ranks = (-(mean + noise)).argsort(1).argsort(1) + 1
    low, high = np.quantile(ranks, [0.025, 0.975], axis=0, method="inverted_cdf")
    return low, high


def main() -> None:
    """Print a line for every shape: share held and mean number of ranks, of each way."""
    ways = {
        "pairs": by_pairs,
        "draws": by_draws,
        "shrunk": lambda seen, rng: by_draws(seen, rng, True),
    }
    write = sys.stdout.write
    write(f"| true scores | {' | '.join(ways)} |\n| --- |{' --: |' * len(ways)}\n")
    for name, shape in SHAPES.items():
        rng = np.random.default_rng(0)
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(BOARDS):
            true, seen = board(shape, rng)
            rank = 1 + (true > true[:, None]).sum(1)
            for way, ends in ways.items():
                low, high = ends(seen, rng)
                held = ((low <= rank) & (rank <= high)).mean()
                found[way].append((held, (high - low + 1).mean()))
        cells = [
            f"{100 * h:.1f} ({w:.1f} ranks)" for h, w in (np.mean(f, 0) for f in found.values())
        ]
        write(f"| {name} | {' | '.join(cells)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
