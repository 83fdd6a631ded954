"""How far the order of the pool decides what submodular mutual information picks.

``flvmi`` saturates: once all gains are 0, submodlib takes the last image of the pool and our engine
the first. In a pool sorted by class that is a class. The study takes the learner of round 0 on
``isic2018@active`` (``phantom@active`` where there is no real data), sorts the pool by class, the
other way round, and at random, and counts for each function the rare images among the picks and
the picks without any gain. The last column is the share of the lead over chance that is order:
(by class - shuffled) / (by class - chance). Markdown, means over the seeds.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.tracks import active
from medtail.datamodules.core.base import data_root
from medtail.methods.clinical import Query, query_rows
from medtail.methods.core.submodular.information import Engine, Function, saturated, select
from medtail.methods.core.submodular.similarity import Parts, gradient_factors, take, unit

SIDES: tuple[tuple[Function, Engine], ...] = (
    ("flvmi", "submodlib"),
    ("flvmi", "vectorised"),
    ("flqmi", "vectorised"),
    ("gcmi", "vectorised"),
    ("logdetmi", "vectorised"),
    ("com", "vectorised"),
)
ORDERS = ("by class", "reversed", "shuffled")


def orders(target: NDArray[np.int64], seed: int) -> dict[str, NDArray[np.int64]]:
    """The pool's positions in each order."""
    sorted_by_class = np.argsort(target, kind="stable")
    shuffled = np.random.default_rng(seed).permutation(len(target))
    return dict(zip(ORDERS, (sorted_by_class, sorted_by_class[::-1].copy(), shuffled), strict=True))


def scene(terms: Terms, seed: int, rule: Query) -> tuple[Parts, Parts, NDArray[np.int64]]:
    """Gradients of pool and query under the learner of round 0, and the pool's true classes."""
    data = prepared(terms)
    data.keep(data.plan.train)
    cell = Cell(method="erm", seed=seed, terms=terms)
    with tempfile.TemporaryDirectory() as store:
        learner = active.start(cell, data, Path(store), 1, lambda _: None).method
    pool, query = (active.look(learner, data, split) for split in ("pool", "query"))
    if query.target is None:
        raise SystemExit("the query images have no labels")
    rows = query_rows(query.logits, query.target, rule)
    sys.stderr.write(f"seed {seed}: {len(rows)} query images\n")
    factors = gradient_factors(query.logits[rows], query.features[rows], query.target[rows])
    target = data.target[data.rows("pool")]
    return unit(gradient_factors(pool.logits, pool.features)), unit(factors), target


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budgets", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument(
        "--query", choices=["misclassified", "target", "all"], default="misclassified"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    name = "isic2018@active" if (data_root() / "ham10000").is_dir() else "phantom@active"
    budget = Budget(
        epochs=arguments.epochs, batch_size=64, optimizer="adamw", lr=0.003, weight_decay=0.05
    )
    terms = Terms(data=name, budget=budget, selection="last")
    rare = prepared(terms).spec.rare
    found: dict[tuple[str, str, int, str], list[tuple[int, int]]] = {}
    for seed in range(arguments.seeds):
        pool, query, target = scene(terms, seed, arguments.query)
        for order, positions in orders(target, seed).items():
            ordered = take(pool, torch.from_numpy(positions))
            for function, engine in SIDES:
                for amount in arguments.budgets:
                    picks, gains = select(function, ordered, query, amount, engine=engine)
                    sought = np.isin(target[positions[picks.numpy()]], rare).sum()
                    key = (function, engine, amount, order)
                    found.setdefault(key, []).append((int(sought), saturated(gains)))
    out = [f"Rare images among the picks (picks without gain), {name}, {arguments.seeds} seeds", ""]
    out.append(f"| function | engine | budget | {' | '.join(ORDERS)} | lead by order |")
    out.append("|---" * (4 + len(ORDERS)) + "|")
    for function, engine in SIDES:
        for amount in arguments.budgets:
            cells = [
                "{:.1f} ({:.1f})".format(*map(statistics.mean, zip(*runs, strict=True)))
                for order in ORDERS
                if (runs := found[function, engine, amount, order])
            ]
            first, _, mixed = (
                statistics.mean(sought for sought, _ in found[function, engine, amount, order])
                for order in ORDERS
            )
            lead = first - amount * float(np.isin(target, rare).mean())
            cells.append(f"{(first - mixed) / lead:.0%}" if lead > 0 else "no lead")
            out.append(f"| {function} | {engine} | {amount} | {' | '.join(cells)} |")
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
