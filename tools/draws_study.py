"""How often intervals over draws and folds hold, where the truth is known; see docs/coverage.md.

A world draws data of 600 images, of three classes 12:3:1, from Gaussians. Four rows (linear
classifiers by ridge regression, of which each training sees seven of ten features) are trained and
tested on it, as a suite with ``draws`` or ``folds`` has it; the truth is a row's mean over many
such data, on 30,000 other images. The functions are medtail's own.

    OMP_NUM_THREADS=1 .venv/bin/python tools/draws_study.py  # some minutes of one core
"""

import sys
from collections import defaultdict
from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from medtail.benchmark.boards import precision
from medtail.benchmark.boards.precision import Precision
from medtail.benchmark.boards.replicates import replicates
from medtail.benchmark.boards.section import sections
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.record import Content, Provenance, Record
from medtail.benchmark.grid.cell import Cell, Terms
from medtail.benchmark.metrics.long_tail import score
from medtail.benchmark.tracks.folds import pooled
from medtail.datamodules.core.splitting.splits import split_of
from medtail.datamodules.core.table import SampleTable

SHARES, FEATURES, SEEN, IMAGES = (0.75, 0.1875, 0.0625), 10, 7, 600
RIDGES = {"a": 0.1, "b": 30.0, "c": 100.0, "d": 300.0}
CENTRES = np.random.default_rng(1).normal(size=(3, FEATURES)) * 0.7
WORLDS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
Floats, Ints = NDArray[np.float64], NDArray[np.int64]
METRICS = ("balanced_accuracy", "macro_auc")


def images(amount: int, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """[N, F] features and [N] classes."""
    target = np.repeat(np.arange(3), np.rint(np.array(SHARES) * amount).astype(int))
    return CENTRES[target] + rng.normal(size=(len(target), FEATURES)), target


def trained(
    features: Floats, target: Ints, ridge: float, rng: np.random.Generator
) -> Callable[[Floats], Floats]:
    """Weighted one-hot targets on some of the features: what gives logits of others."""
    seen = rng.choice(FEATURES, SEEN, replace=False)
    x = np.c_[features[:, seen], np.ones(len(features))]
    weight = 1 / np.bincount(target, minlength=3)[target]
    gram = x.T @ (x * weight[:, None]) + ridge / IMAGES * np.eye(SEEN + 1)
    fitted = np.linalg.solve(gram, x.T @ (np.eye(3)[target] * weight[:, None]))
    return lambda other: 4 * np.c_[other[:, seen], np.ones(len(other))] @ fitted


def truth() -> dict[str, dict[str, float]]:
    """Of each row its mean over data and trainings."""
    rng = np.random.default_rng(2)
    far, classes = images(30_000, rng)
    ids = np.arange(len(classes)).astype(str)
    found = defaultdict(list)
    for _ in range(400):
        x, y = images(int(0.7 * IMAGES), rng)
        for name, ridge in RIDGES.items():
            logits = trained(x, y, ridge, rng)(far)
            values = score(Predictions.of(ids, ids, classes, logits), None, (3, 2, 1), False)
            found[name].append([values[m] for m in METRICS])
    return {name: dict(zip(METRICS, np.mean(v, 0), strict=True)) for name, v in found.items()}


def record(
    method: str, seed: int, terms: Terms, test: Predictions, counts: tuple[int, ...], split: str
) -> Record:
    """A record as a worker makes it, as far as boards read it."""
    cell = Cell(method=method, seed=seed, terms=terms)
    content = Content(
        data=split, pixels="", method="", shared="", recipe="", samples="all", test_share=0.2
    )
    where = Provenance(commit="", versions={}, platform="", finished="", split_digest=split)
    return Record(
        cell_id=cell.id,
        cell=cell,
        status="ok",
        class_names=("x", "y", "z"),
        class_counts=counts,
        content=content,
        support=tuple(np.bincount(test.target, minlength=3).tolist()),
        provenance=where,
        predictions=test.digest,
        metrics=score(test, None, counts, ordinal=False),
    )


def board(seeds: int, folds: int, rng: np.random.Generator) -> Precision:
    """A table of all rows on data of its own."""
    x, y = images(IMAGES, rng)
    ids = np.array([f"i{n:04d}" for n in range(len(y))])
    table = SampleTable(ids, y, ids, None)
    terms = Terms(data="world@natural", draws=seeds, folds=folds)
    results = []
    for seed in range(seeds):
        for fold in range(1, folds + 1) if folds else (0,):
            split = split_of("world", table, seed, folds, fold)
            train, tested = split == "train", split == "test"
            mine = terms.model_copy(update={"draw": seed, "fold": fold})
            for name, ridge in RIDGES.items():
                logits = trained(
                    x[train], y[train], ridge, np.random.default_rng(rng.integers(1 << 32))
                )(x[tested])
                test = Predictions.of(ids[tested], ids[tested], y[tested], logits)
                counts = tuple(np.bincount(y[train], minlength=3).tolist())
                results.append((record(name, seed, mine, test, counts, f"{seed} {fold}"), test))
    results += pooled(results, {})[0]
    (section,) = sections([r for r, _ in results])
    return Precision(section, replicates(section, {r.cell_id: p for r, p in results}))


def main() -> None:
    """Print the table of the page."""
    true = truth()
    shared = precision._shared_share
    for title, folds, share in (
        ("draws", 0, shared),
        ("draws, as if independent", 0, lambda section: 0.0),
        ("5 folds", 5, shared),
    ):
        precision._shared_share = share
        for seeds in (3, 5):
            rng, held = np.random.default_rng(3), defaultdict(list)
            for _ in range(WORLDS):
                known = board(seeds, folds, rng)
                for m in METRICS:
                    for name in RIDGES:
                        found = known.single(name, m)
                        held["single", m].append(found.low <= true[name][m] <= found.high)
                    for one, other in combinations(RIDGES, 2):
                        found, gap = (
                            known.pair(one, other, m).interval,
                            true[one][m] - true[other][m],
                        )
                        held["difference", m].append(found.low <= gap <= found.high)
            for (kind, m), each in held.items():
                share_held = 100 * np.mean(each)
                sys.stdout.write(f"| {title} | {kind}, {m} | {seeds} | {share_held:.1f} |\n")


if __name__ == "__main__":
    main()
