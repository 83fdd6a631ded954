"""Boards of made-up methods and seeds, right with a chance that is given."""

import numpy as np

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics.long_tail import score
from medtail.benchmark.regression.verdicts import Board, compare
from tests.boards import done

METHODS = ("erm", "ldam", "crt", "focal")


def scored(rate, method="erm", seed=0, lottery=0, n=300, **changes):
    """A record whose predictions are right with a chance, and these predictions."""
    rng = np.random.default_rng([seed, lottery, *map(ord, method)])
    target = np.resize(np.arange(3), n)
    right = rng.random(n) < rate
    guess = np.where(right, target, (target + 1) % 3)
    ids = np.array([f"s{i:03d}" for i in range(n)])
    made = Predictions.of(ids, ids, target, 4 * np.eye(3)[guess] + 0.01 * rng.normal(size=(n, 3)))
    record, _ = done(method, seed, **changes)
    values = {"metrics": score(made, made, (50, 900, 10), ordinal=False)}
    values |= {"predictions": made.digest, "support": (100, 100, 100)}
    return record.model_copy(update=values), made


def board(entries):
    entries = list(entries)
    return Board([r for r, _ in entries], {r.cell_id: p for r, p in entries if p is not None})


def grid(rate=0.7, lottery=0, seeds=5, methods=METHODS, **rates):
    return [scored(rates.get(m, rate), m, s, lottery) for m in methods for s in range(seeds)]


def verdicts(base, new, **options):
    return {f.row: f.verdict for f in compare(base, new, **options)}
