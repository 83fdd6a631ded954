"""Of many boards of every world: how often the intervals of each kind hold the truth."""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from medtail.benchmark.boards import replicates
from medtail.benchmark.boards.precision import Precision
from medtail.benchmark.boards.section import Section, sections
from medtail.benchmark.boards.standing import summed_up
from medtail.benchmark.evidence.predictions import Predictions

from . import active, few_shot, long_tail, one_class
from .world import Floats, World

DRAWS = 400  # of the bootstrap, whose spread is all that counts
BOARD = {
    "long_tail": long_tail.board,
    "one_class": one_class.board,
    "few_shot": few_shot.board,
    "active": active.board,
}


def sigmas(base: float, rows: int, unlike: bool, rng: np.random.Generator) -> Floats:
    """[M] standard deviations of trainings."""
    if not unlike:
        return np.full(rows, base)
    found: Floats = base * np.sqrt(4 / rng.chisquare(4, rows))
    return found


def worlds(rng: np.random.Generator, tracks: Sequence[str]) -> Iterator[tuple[str, World]]:
    """What is simulated of some tracks, by name."""
    steps = np.array([0, 0.05, 0.1, 0.3, 0.6, 1.0])
    plans = {
        "long_tail": (1.4 + steps, {"small": 0.1, "large": 0.6}, 6),
        "one_class": (0.8 + steps, {"small": 0.05, "large": 0.4}, 6),
        "few_shot": (0.8 + steps[1:], {"small": 0.03, "large": 0.3}, 5),
        "active": (0.3 + 0.02 * rng.normal(size=17), {"alone": 0.02}, 17),
    }
    truths = {"one_class": one_class.truth, "few_shot": few_shot.truth, "active": active.truth}
    for track in tracks:
        skill, bases, rows = plans[track]
        for word, base in bases.items():
            for unlike in (False, True):
                sigma = sigmas(base, rows, unlike, rng)
                bare = World(track, skill, sigma, {})
                truth = truths[track](bare) if track in truths else long_tail.truth(bare, rng)
                name = f"{word}, {'unlike' if unlike else 'alike'}"
                yield name, World(track, skill, sigma, truth)


Stored = dict[str, Predictions]


def board(world: World, seeds: int, rng: np.random.Generator) -> tuple[Section, Stored, Stored]:
    """A table of one draw of a world, with predictions of test and validation."""
    made = list(BOARD[world.track](world, seeds, rng))
    held = {r.cell_id: v for r, _, v in made if v}
    return sections([r for r, *_ in made])[0], {r.cell_id: p for r, p, _ in made}, held


def held(
    world: World, section: Section, stored: Stored, validation: Stored
) -> Iterator[tuple[str, bool, float]]:
    """Kind, whether it holds the truth, and its width, of every interval of a board."""
    drawn = replicates.replicates(section, stored, validation)
    standing, known = summed_up(section, drawn, stored, ""), Precision(section, drawn)
    names = sorted(standing.rows)
    for metric, k in dict.fromkeys(key[1:] for key in world.truth):
        small = k is not None and k == max(
            c for _, m, c in world.truth if m == metric and c is not None
        )
        if k is not None and not small:
            continue  # the smallest class says most
        kind = metric if k is None else f"{metric} of the smallest class"
        for place, name in enumerate(names):
            row, true = standing.rows[name], world.truth[name, metric, k]
            found = row.intervals.get(metric) if k is None else row.classes[metric][k]
            if found:
                yield kind, found[1] <= true <= found[2], found[2] - found[1]
            for other in names[place + 1 :]:
                estimate = known.pair(name, other, metric, k)
                if estimate:
                    low, high = estimate.interval.low, estimate.interval.high
                    apart = true - world.truth[other, metric, k]
                    yield f"{kind}, paired", low <= apart <= high, high - low
    for metric in section.view.ranking:
        if (names[0], metric, None) not in world.truth:
            continue
        scores = np.array([world.truth[name, metric, None] for name in names])
        kind = "rank" if metric == section.view.primary else f"rank by {metric}"
        for name, true in zip(names, 1 + (scores > scores[:, None]).sum(1), strict=True):
            low, high = standing.rows[name].ranks[metric]
            yield kind, low <= true <= high, high - low + 1.0


@dataclass(frozen=True)
class Line:
    """How often a kind of interval holds in a world.

    Attributes:
        track: of the board.
        kind: of interval.
        world: its name.
        seeds: of each row.
        held: share that holds the truth.
        error: standard error of ``held``.
        width: mean.
    """

    track: str
    kind: str
    world: str
    seeds: int
    held: float
    error: float
    width: float


def measure(boards: int, tracks: Sequence[str] = tuple(BOARD), seed: int = 0) -> list[Line]:
    """Every kind of interval in every world of some tracks."""
    replicates.REPLICATES = replicates.FITS = DRAWS
    rng, lines = np.random.default_rng(seed), []
    for name, world in worlds(rng, tracks):
        for seeds in (3, 5):
            start, found = time.perf_counter(), defaultdict(list)
            for number in range(boards):
                each = defaultdict(list)
                for kind, ok, width in held(world, *board(world, seeds, rng)):
                    each[kind].append((ok, width))
                for kind, values in each.items():
                    found[kind].append(np.mean(values, 0))
                if sys.stderr.isatty():
                    left = (time.perf_counter() - start) / (number + 1) * (boards - number - 1)
                    sys.stderr.write(f"\r{world.track} {name}, {seeds} seeds: {left:4.0f} s left ")
            for kind, values in found.items():
                shares = np.array(values)
                share, width = shares.mean(0)
                error = shares[:, 0].std(ddof=1) / np.sqrt(boards)
                lines.append(Line(world.track, kind, name, seeds, share, error, width))
    return lines
