"""How often the intervals of the boards hold, by simulation with a known truth; docs/coverage.md.

    .venv/bin/python tools/coverage.py --write docs/coverage.md      # some ten minutes of one core

A world is a table of rows (methods) whose true scores are known; a board is one draw of its test
set and of S trainings of each row. All that is printed about a board comes of the functions that
boards, ``compare`` and ``score`` use: predictions in, intervals out. A world says how much the
trainings vary beside the test set, and how unlike the rows are in this.

- *Long tail*: 6 rows, 3 classes with 150, 60 and 20 test groups of one or two images. An image has
  a difficulty that all rows share, one of each row, and one of each training; a training moves the
  offsets of the classes.
- *One-class*: 6 rows, 120 given and 60 abnormal images of two classes.
- *Few-shot*: 5 rows, 100 episodes of two classes and ten queries; episodes differ in difficulty.
- *Active*: 17 rows, of which only the trainings vary.

``spread`` is the standard deviation between trainings over the standard error of the test set; in
``unlike`` worlds the rows' variances follow a scaled inverse chi-squared law of 4 degrees.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from medtail.benchmark.boards import replicates
from medtail.benchmark.boards.precision import Precision
from medtail.benchmark.boards.section import Section, sections
from medtail.benchmark.boards.standing import summed_up
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.record import Record
from medtail.benchmark.grid.cell import Cell, Terms
from medtail.benchmark.metrics import few_shot, long_tail, one_class, operating_point
from medtail.benchmark.statistics.intervals import auc

Floats = NDArray[np.float64]
Result = tuple[Record, Predictions, Predictions | None]  # with those of validation
Truth = dict[tuple[str, str, int | None], float]  # (row, metric, class) -> true value
DRAWS = 400  # of the bootstrap, whose spread is all that counts
MARK = ("<!-- measured -->", "<!-- /measured -->")


@dataclass(frozen=True)
class World:
    """Rows with a truth.

    Attributes:
        track: of the table.
        skill: [M] of each row.
        sigma: [M] standard deviation of a training's effect.
        truth: of everything that is checked.
    """

    track: str
    skill: Floats
    sigma: Floats
    truth: Truth


# --- long tail ---------------------------------------------------------------------------------

GROUPS = (150, 60, 20)
SHARED, OWN, TRAINING, GROUP = 0.8, 0.6, 0.4, 0.6
FAVOUR = np.array([[0.8, 0.2, -0.6], [0.2, 0.1, 0.0], [0.5, 0.0, -0.2]])


def tail_logits(
    world: World, row: int, target: NDArray[np.int64], shared: Floats, rng: np.random.Generator
) -> Iterator[Floats]:
    """[N, 3] logits of one training after another."""
    clean = world.skill[row] * np.eye(3)[target] + FAVOUR[row % 3] + shared
    clean = clean + rng.normal(0, OWN, clean.shape)
    while True:
        offset = rng.normal(0, world.sigma[row], 3)
        yield clean + offset + rng.normal(0, TRAINING, clean.shape)


def tail_validation(sets: int) -> NDArray[np.int64]:
    """Classes of the images of so many validation splits: half of the test's groups, one each."""
    return np.tile(np.repeat(np.arange(3), np.array(GROUPS) // 2), sets)


def tail_truth(
    world: World, rng: np.random.Generator, seeds: int = 300, images: int = 1500, sets: int = 60
) -> Truth:
    """By many trainings on many images, with points fitted to one of many validation splits."""
    truth: Truth = {}
    target = np.repeat(np.arange(3), images)
    every = np.concatenate([target, tail_validation(sets)])
    weight = np.array(GROUPS) / sum(GROUPS)
    one = np.ones((2 * images, 1), np.float32)
    for row in range(len(world.skill)):
        shared = rng.normal(0, np.hypot(SHARED, GROUP), (len(every), 3))
        found = tail_logits(world, row, every, shared, rng)
        recall, area, fitted = np.zeros(3), np.zeros(3), np.zeros(3)
        for seed in range(seeds):
            logits = next(found)
            held = np.split(logits[len(target) :], sets)[seed % sets]
            point = operating_point.fitted(of_images(held, tail_validation(1)))
            test = of_images(logits[: len(target)], target)
            chance = test.probabilities
            recall += (chance.argmax(1) == target).reshape(3, images).mean(1)
            fitted += operating_point.recalls(test, point[None], np.ones((1, len(target))))[0]
            for k in range(3):
                others = [j for j in range(3) if j != k]
                rest = weight[others] / weight[others].sum()
                each = [
                    auc(chance[(m := (target == k) | (target == j)), k], target[m] == k, one)[0]
                    for j in others
                ]
                area[k] += rest @ each
        recall, area, fitted = recall / seeds, area / seeds, fitted / seeds
        name = f"m{row:02d}"
        wholes = {"balanced_accuracy": recall, "fitted_balanced_accuracy": fitted}
        wholes |= {"macro_auc": area}
        truth |= {(name, metric, None): float(v.mean()) for metric, v in wholes.items()}
        truth |= {(name, "recall", k): recall[k] for k in range(3)}
        truth |= {(name, "auc", k): area[k] for k in range(3)}
    return truth


def of_images(
    logits: Floats, target: NDArray[np.int64], group: NDArray[np.int64] | None = None
) -> Predictions:
    """Predictions of images, each of its own group where none are given."""
    ids = np.array([f"s{n:05d}" for n in range(len(target))])
    groups = ids if group is None else np.array([f"g{n:05d}" for n in group])
    return Predictions.of(ids, groups, target, logits)


def tail_board(world: World, seeds: int, rng: np.random.Generator) -> Iterator[Result]:
    """One draw; validation is one split for all rows, too."""
    sizes = [rng.integers(1, 3, g) for g in GROUPS]
    target = np.concatenate([np.full(s.sum(), k) for k, s in enumerate(sizes)])
    group = np.repeat(np.arange(sum(GROUPS)), np.concatenate(sizes))
    held = tail_validation(1)
    each = np.concatenate([group, sum(GROUPS) + np.arange(len(held))])
    shared = rng.normal(0, GROUP, (each.max() + 1, 3))[each]
    shared = shared + rng.normal(0, SHARED, shared.shape)
    counts = (900, 300, 60)
    for row in range(len(world.skill)):
        found = tail_logits(world, row, np.concatenate([target, held]), shared, rng)
        for seed in range(seeds):
            logits = next(found)
            given = of_images(logits[: len(target)], target, group)
            val = of_images(logits[len(target) :], held)
            facts = {
                "class_names": ("a", "b", "c"),
                "class_counts": counts,
                "support": tuple(np.bincount(target).tolist()),
                "metrics": long_tail.score(given, val, counts, ordinal=False),
                "validation": val.digest,
            }
            yield record(row, seed, "made@natural", given, **facts), given, val


# --- one-class ---------------------------------------------------------------------------------

ONE = (120, 40, 20)


def one_truth(world: World) -> Truth:
    """Of normal scores; a training moves the skill."""
    truth: Truth = {}
    for row, (skill, sigma) in enumerate(zip(world.skill, world.sigma, strict=True)):
        # A difference of two scores has variance 2, and the skill's own.
        each = [norm.cdf(s / np.sqrt(2 + sigma**2)) for s in (skill, 0.6 * skill)]
        name = f"m{row:02d}"
        truth |= {(name, "class_auroc", k): float(v) for k, v in enumerate(each)}
        truth[name, "auroc", None] = float(np.average(each, weights=ONE[1:]))
    return truth


def one_board(world: World, seeds: int, rng: np.random.Generator) -> Iterator[Result]:
    """One draw; half of an image's noise is shared by all rows and trainings."""
    source = np.repeat(np.arange(3), ONE)
    target = (source > 0).astype(np.int64)
    effect = np.array([0.0, 1.0, 0.6])[source]
    ids = np.array([f"s{n:04d}" for n in range(len(source))])
    shared = rng.normal(0, np.sqrt(0.5), len(source))
    for row in range(len(world.skill)):
        own = rng.normal(0, np.sqrt(0.25), len(source))
        for seed in range(seeds):
            skill = world.skill[row] + rng.normal(0, world.sigma[row])
            score = skill * effect + shared + own + rng.normal(0, np.sqrt(0.25), len(source))
            logits = np.stack([np.zeros(len(score)), score], 1)
            given = Predictions.of(ids, ids, target, logits, source_class=source)
            facts = {
                "class_names": ("a", "not a"),
                "class_counts": (500, 0),
                "scored_names": ("b", "c"),
                "support": ONE[1:],
                "metrics": one_class.score(given, None, ("a", "b", "c")),
            }
            yield record(row, seed, "made@oneclass", given, **facts), given, None


# --- few-shot ----------------------------------------------------------------------------------

EPISODES, QUERIES, DIFFICULTY = 100, 5, 0.5


def few_truth(world: World) -> Truth:
    """Of normal scores, whose distance varies by episode and training."""
    spread = np.sqrt(2 + DIFFICULTY**2 + world.sigma**2)
    found = norm.cdf(world.skill / spread)
    return {(f"m{row:02d}", "episode_auc", None): float(v) for row, v in enumerate(found)}


def few_board(world: World, seeds: int, rng: np.random.Generator) -> Iterator[Result]:
    """One draw; the same episodes for all."""
    episode = np.repeat(np.arange(EPISODES), 2 * QUERIES)
    target = np.tile(np.repeat([0, 1], QUERIES), EPISODES)
    ids = np.array([f"s{n:05d}" for n in range(len(target))])
    difficulty = rng.normal(0, DIFFICULTY, EPISODES)[episode]
    shared = rng.normal(0, np.sqrt(0.5), len(target))
    for row in range(len(world.skill)):
        own = rng.normal(0, np.sqrt(0.25), len(target))
        for seed in range(seeds):
            skill = world.skill[row] + difficulty + rng.normal(0, world.sigma[row])
            score = skill * target + shared + own + rng.normal(0, np.sqrt(0.25), len(target))
            logits = np.stack([np.zeros(len(score)), score], 1)
            given = Predictions.of(ids, ids, target, logits, episode, target)
            facts = {
                "class_names": ("x", "y"),
                "class_counts": (500, 300),
                "scored_names": ("a", "b"),
                "support": (50, 50),
                "metrics": few_shot.score_episodes(given, ("a", "b")),
            }
            yield record(row, seed, "made@shot5", given, **facts), given, None


# --- active ------------------------------------------------------------------------------------


def active_truth(world: World) -> Truth:
    """The skill itself."""
    return {
        (f"m{n:02d}", "rare_accuracy_area", None): s for n, s in enumerate(world.skill.tolist())
    }


def active_board(world: World, seeds: int, rng: np.random.Generator) -> Iterator[Result]:
    """One draw of the areas themselves."""
    empty = Predictions.of(np.array(["s"]), np.array(["s"]), np.array([0]), np.zeros((1, 2)))
    for row in range(len(world.skill)):
        for seed in range(seeds):
            area = world.skill[row] + rng.normal(0, world.sigma[row])
            facts = {
                "class_names": ("a", "b"),
                "class_counts": (50, 5),
                "support": (20, 20),
                "rare": (1,),
                "metrics": {"rare_accuracy_area": area, "recall": [0.5, 0.5]},
            }
            yield record(row, seed, "made@active", empty, **facts), empty, None


# --- all tracks --------------------------------------------------------------------------------

BOARD = {
    "long_tail": tail_board,
    "one_class": one_board,
    "few_shot": few_board,
    "active": active_board,
}


def record(row: int, seed: int, data: str, given: Predictions, **facts: object) -> Record:
    """Of a finished cell."""
    cell = Cell(method=f"m{row:02d}", seed=seed, terms=Terms(data=data))
    made = {"cell_id": cell.id, "cell": cell, "status": "ok", "predictions": given.digest}
    return Record.model_validate(made | facts)


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
    truths = {"one_class": one_truth, "few_shot": few_truth, "active": active_truth}
    for track in tracks:
        skill, bases, rows = plans[track]
        for word, base in bases.items():
            for unlike in (False, True):
                sigma = sigmas(base, rows, unlike, rng)
                bare = World(track, skill, sigma, {})
                truth = truths[track](bare) if track in truths else tail_truth(bare, rng)
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


def page(lines: list[Line], boards: int) -> str:
    """The table: a line per kind, a column per world and number of seeds, lowest first told."""
    worlds = list(dict.fromkeys((line.world, line.seeds) for line in lines))
    parts = []
    for track in dict.fromkeys(line.track for line in lines):
        mine = [line for line in lines if line.track == track]
        columns = [w for w in worlds if any((m.world, m.seeds) == w for m in mine)]
        head = ["", *(f"{world}, {seeds} seeds" for world, seeds in columns)]
        rows = [head, ["---", *["--:"] * len(columns)]]
        for kind in dict.fromkeys(m.kind for m in mine):
            found = {(m.world, m.seeds): m for m in mine if m.kind == kind}
            rows.append([kind, *(_cell(found[w]) for w in columns)])
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        parts.append(f"### {track.replace('_', ' ').capitalize()}\n\n{table}")
    error = 100 * max(line.error for line in lines)
    low, high = (f(line.held for line in lines) for f in (min, max))
    first = (
        f"{boards} boards of each world; a share errs by at most {error:.1f} points. Lowest "
        f"{100 * low:.1f}, highest {100 * high:.1f} %. Outside 93 to 97 %: *slanted*; under 90: "
        "**bold**."
    )
    return "\n\n".join([first, *parts])


def _cell(line: Line) -> str:
    text = f"{100 * line.held:.1f}"
    if line.held < 0.9:
        return f"**{text}**"
    return text if 0.93 <= line.held <= 0.97 else f"*{text}*"


def main() -> None:
    """Measure, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--boards", type=int, default=300, help="draws of each world")
    parser.add_argument("--write", type=Path, help="page to write the table into")
    asked = parser.parse_args()
    lines = measure(asked.boards)
    table = page(lines, asked.boards)
    if asked.write:
        before, rest = asked.write.read_text().split(MARK[0])
        asked.write.write_text(f"{before}{MARK[0]}\n{table}\n{MARK[1]}{rest.split(MARK[1])[1]}")
    else:
        sys.stdout.write(table + "\n")


if __name__ == "__main__":
    main()
