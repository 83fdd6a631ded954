r"""How often `make regress` cries wolf and what it finds: real trainings, its own verdicts.

    medtail bench regress --out runs/guard --leaderboards runs/guard/boards --wandb disabled \
        --set "seeds=$SEEDS" --set "data.phantom@lt100.seeds=$SEEDS"     # SEEDS=[0,1,...,23]
    .venv/bin/python tools/guard_study.py runs/guard/boards              # docs/regression.md

No model. Of the seeds of each table as many as in tests/golden are drawn for BASE and as many
others for NEW, which get their numbers: the worst that another platform can do. One comparison is
of all tables at once, as the command's is. A true loss: in one row of NEW the scores of a share of
the samples change places, which costs in expectation what is asked for; of active learning, whose
metric is of all rounds, the metric itself is lowered.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from regression_study import load, share, write

from medtail.benchmark.boards.columns import VIEWS, track
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.record import Record, read_lines
from medtail.benchmark.regression import noise
from medtail.benchmark.regression.verdicts import Board, compare, primary

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
RUNS = 400  # without a change
LOSSES = (0.05, 0.1, 0.2)
RUNS_WITH = 100  # of each loss in each table
Table = tuple[str, int, list[Record], dict[str, Predictions]]  # slug, seeds, records, predictions
Random = np.random.Generator


def remembered() -> None:
    """Have each predictions' replicates drawn once: they are in hundreds of comparisons."""
    known: dict[int, tuple[Predictions, noise.Floats]] = {}
    draw, weights = noise._metric, noise._weights
    drawn: dict[str, NDArray[np.float32]] = {}

    def metric(given: Predictions, kind: noise.Track, by: NDArray[np.float32]) -> noise.Floats:
        if id(given) not in known:
            known[id(given)] = given, draw(given, kind, by)  # which keeps it, and so its id
        return known[id(given)][1]

    def weighed(given: Predictions, kind: noise.Track) -> NDArray[np.float32]:
        if (key := f"{kind} {given.truth}") not in drawn:
            drawn[key] = weights(given, kind)
        return drawn[key]

    noise._metric, noise._weights = metric, weighed


def board(tables: Sequence[Table], chosen: Sequence[Sequence[int]]) -> Board:
    """Some seeds of each table as if they were seeds 0, 1, ..."""
    kept, predictions = [], {}
    for (_, _, records, stored), seeds in zip(tables, chosen, strict=True):
        for record in records:
            if record.cell.seed in seeds:
                cell = record.cell.model_copy(update={"seed": list(seeds).index(record.cell.seed)})
                kept.append(
                    record.model_copy(
                        update={"cell": cell, "cell_id": cell.id, "predictions": record.cell_id}
                    )
                )
                predictions[cell.id] = stored[record.cell_id]
    return Board(kept, predictions)


def drawn(tables: Sequence[Table], rng: Random) -> tuple[Board, Board]:
    """BASE and NEW of seeds that they do not share."""
    orders = [
        rng.permutation(sorted({r.cell.seed for r in records})) for _, _, records, _ in tables
    ]
    sizes = [size for _, size, _, _ in tables]
    first = [order[:size].tolist() for order, size in zip(orders, sizes, strict=True)]
    second = [order[size : 2 * size].tolist() for order, size in zip(orders, sizes, strict=True)]
    return board(tables, first), board(tables, second)


def value(given: Predictions, slug: str) -> float:
    """The primary metric of predictions."""
    kind = track(slug)
    amount = len(np.unique(given.episode)) if kind == "few_shot" else len(given.id)
    return float(noise._metric(given, kind, np.ones((1, amount), np.float32))[0])


def worse(given: Predictions, part: float, rng: Random) -> Predictions:
    """The same with the scores of a share of the samples, of each episode, in another order."""
    logits = given.logits.copy()
    groups = np.zeros(len(logits)) if given.episode is None else given.episode
    for group in np.unique(groups):
        mine = np.flatnonzero((groups == group) & (rng.random(len(logits)) < part))
        logits[mine] = logits[rng.permutation(mine)]
    return replace(given, logits=logits)


def lowered(new: Board, row: str, slug: str, loss: float, rng: Random) -> Board | None:
    """NEW, where a row has lost so much in expectation; None where it has no more to lose."""
    mine = [r for r in new.records if (r.cell.terms.data, r.cell.row) == (slug, row)]
    mean = float(np.mean([primary(r) for r in mine]))
    classes = len(mine[0].scored_names or mine[0].class_names)
    chance = 1 / classes if track(slug) == "long_tail" else 0.5
    part = loss / (mean - chance)
    if track(slug) != "active" and not 0 < part <= 1:
        return None
    records, predictions = list(new.records), dict(new.predictions)
    for record in mine:
        if track(slug) == "active":
            after = float(primary(record) or 0) - loss
        else:
            predictions[record.cell_id] = worse(predictions[record.cell_id], part, rng)
            after = value(predictions[record.cell_id], slug)
        metrics = record.metrics | {VIEWS[track(slug)].primary: after}
        changed = {"metrics": metrics, "predictions": f"worse {record.cell_id}"}
        records[records.index(record)] = record.model_copy(update=changed)
    return Board(records, predictions)


def main(folder: Path) -> None:
    """Print the table."""
    tables: list[Table] = []
    for path in sorted((GOLDEN / "records").glob("*.jsonl")):
        golden = list(read_lines(path))
        seeds, kept = len({r.cell.seed for r in golden}), {r.cell.row for r in golden}
        records, stored = load(folder, path.stem)
        records = [r for r in records if r.cell.row in kept]  # a row that left may have runs
        trained: dict[str, set[int]] = {}
        for record in records:
            trained.setdefault(record.cell.row, set()).add(record.cell.seed)
        every = set.intersection(*trained.values())  # of a run that was stopped: what all rows have
        records = [r for r in records if r.cell.seed in every]
        tables.append((path.stem, seeds, records, stored))
    raw = noise._metric
    for slug, _, records, stored in tables:  # what is lowered is what is compared
        if track(slug) != "active":
            got, told = value(stored[records[0].cell_id], slug), primary(records[0])
            assert np.isclose(got, told or np.nan, atol=1e-4), (slug, got, told)
    remembered()
    rng = np.random.default_rng(0)
    alarms: dict[str, list[bool]] = {"all four": [], **{slug: [] for slug, *_ in tables}}
    blamed: Counter[str] = Counter()
    for _ in range(RUNS):
        failed = [f for f in compare(*drawn(tables, rng)) if f.fails()]
        blamed.update(f"{f.row} on {f.data}" for f in failed)
        alarms["all four"].append(bool(failed))
        for slug, *_ in tables:
            alarms[slug].append(any(f.data == slug for f in failed))
    losses = " | ".join(f"{100 * loss:.0f} points" for loss in LOSSES)
    write(f"| table | rows x seeds | seeds trained | false alarms / 100 | {losses} |")
    write("| --- |" + " --- |" * (3 + len(LOSSES)))
    for slug, seeds, records, _ in tables:
        rows = sorted({r.cell.row for r in records})
        found = []
        for loss in LOSSES:
            hits = []
            for _ in range(RUNS_WITH):
                base, new = drawn(tables, rng)
                row = str(rng.choice(rows))
                cached, noise._metric = noise._metric, raw  # of what is scored but once
                after = lowered(new, row, slug, loss, rng)
                noise._metric = cached
                if after is not None:
                    told = compare(base, after)
                    hits.append(any(f.fails() for f in told if (f.data, f.row) == (slug, row)))
            found.append(share(np.array(hits)) + f" of {len(hits)}" if hits else "no such loss")
        trained = len({r.cell.seed for r in records})
        cells = (
            slug,
            f"{len(rows)} x {seeds}",
            str(trained),
            share(np.array(alarms[slug])),
            *found,
        )
        write(f"| {' | '.join(cells)} |")
    write(f"| all four | | | {share(np.array(alarms['all four']))} |" + " |" * len(LOSSES))
    write(f"Rows of the false alarms, of {RUNS}: {dict(blamed.most_common())}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
