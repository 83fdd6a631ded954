"""Made-up records of every track, and readers of the pages that come of them."""

import re
from collections.abc import Callable
from itertools import dropwhile, takewhile
from pathlib import Path

import numpy as np

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.published import TEST, VALIDATION, publish, read_predictions
from medtail.benchmark.evidence.record import Cost, Provenance, Record, Round, read_lines
from medtail.benchmark.grid.cell import Cell, Terms
from medtail.benchmark.metrics.long_tail import score
from tests import ROOT

NAMES, COUNTS = ("mel", "nv", "df"), (50, 900, 10)
TERMS = Terms(data="fake@natural")
FEW = Terms(data="fake@shot5", test_episodes=600)
ONE = Terms(data="fake@oneclass", selection="last")
ACTIVE = Terms(data="fake@active", acquire=20, rounds=4)
RARE = ("akiec", "vasc", "df")
WHERE = Provenance(commit="", versions={}, platform="", finished="", split_digest="one")
COST = Cost(seconds=75, train_seconds=60, parameters=9, images=1, peak_mib=1, device="cpu")


def few_rows(folder: Path, slugs: tuple[str, ...], kept: Callable[[Record], bool]) -> None:
    """In another folder, committed boards with some of their rows alone: they are read fast."""
    given = ROOT / "leaderboards"
    for slug in slugs:
        for path in folder.glob(f"*/{slug}.*"):
            path.unlink()
        scores, held = (read_predictions(given, slug, part) for part in (TEST, VALIDATION))
        records = [r for r in read_lines(given / f"records/{slug}.jsonl") if kept(r)]
        publish(folder, [(r, scores.get(r.cell_id)) for r in records], held)


def predictions(method="erm", seed=0, n=60, absent=()):
    rng = np.random.default_rng([seed, sum(map(ord, method))])
    target = np.resize([k for k in range(3) if k not in absent], n)
    id = np.array([f"s{i:03d}" for i in range(n)])
    return Predictions.of(id, id, target, rng.normal(size=(n, 3)) + 2 * np.eye(3)[target])


def done(
    method="erm", seed=0, terms=TERMS, params=None, absent=(), lists="one", source="", **changes
):
    cell = Cell(method=method, seed=seed, terms=terms, params=params or {})
    scores = predictions(method, seed, absent=absent)
    values = {
        "cell_id": cell.id,
        "cell": cell,
        "status": "ok",
        "class_names": NAMES,
        "class_counts": COUNTS,
        "support": tuple(np.bincount(scores.target, minlength=3).tolist()),
        "metrics": score(scores, scores, COUNTS, ordinal=False),
        "balanced": score(scores, scores, COUNTS, ordinal=False, prior="balanced"),
        "provenance": WHERE.model_copy(update={"split_digest": lists, "source": source}),
        "predictions": scores.digest,
    }
    return Record(**{**values, **changes}), scores


def failed(method="erm", seed=0, terms=TERMS, reason="loss is nan"):
    cell = Cell(method=method, seed=seed, terms=terms)
    return Record(cell_id=cell.id, cell=cell, status="failed", reason=reason), None


def with_value(value, method="erm", seed=0, **changes):
    record, _ = done(method, seed, **changes)
    values = {"balanced_accuracy": value, "recall": [value, 0.5, None], "macro_auc": None}
    values["fitted_balanced_accuracy"] = 1 - value
    return record.model_copy(update={"metrics": record.metrics | values})


def _made(method, seed, terms, changes, metrics, **values):
    cell = Cell(method=method, seed=seed, terms=terms)
    more = changes.pop("metrics", {})
    base = {"cell_id": cell.id, "cell": cell, "status": "ok", "provenance": WHERE}
    return Record(**(base | values | {"metrics": metrics | more} | changes)), None


def few_shot(method="erm", seed=0, auc=0.75, terms=FEW, **changes):
    metrics = {
        "episode_auc": auc,
        "episode_auc_ci95": 0.012,
        "episode_auc_30": auc + 0.01,
        "episode_auc_30_ci95": 0.05,
        "episode_accuracy": auc - 0.05,
        "episode_accuracy_ci95": 0.01,
        "episodes": terms.test_episodes,
        "class_auc": [auc, auc + 0.1, None],
        "recall": [0.5, 0.6, 0.7],
    }
    counts = {"class_names": ("nv", "mel", "bkl", "bcc"), "class_counts": (4693, 778, 769, 359)}
    scored = {"scored_names": RARE, "support": (327, 142, 115)}
    return _made(method, seed, terms, changes, metrics, **counts, **scored)


def one_class(method="erm", seed=0, auroc=0.7, terms=ONE, **changes):
    metrics = {
        "auroc": auroc,
        "auprc": auroc - 0.2,
        "prevalence": 0.33,
        "sensitivity_at_95_specificity": 0.2,
        "achieved_specificity": 0.94,
        "f1": None,
        "given_images": 1341,
        "class_auroc": [auroc, auroc + 0.05, None],
    }
    names = {"class_names": ("nv", "not nv"), "class_counts": (4693, 0)}
    scored = {"scored_names": ("mel", "bkl", "df"), "support": (223, 220, 23)}
    return _made(method, seed, terms, changes, metrics, **names, **scored)


def active(method="erm", seed=0, final=0.5, terms=ACTIVE, picks=(3, 15, 2), **changes):
    """Rare is ``df``; accuracies rise in a straight line from 0.1 to ``final``."""
    steps = np.linspace(0, 1, terms.rounds)
    rare = [0.1 + (final - 0.1) * s for s in steps]
    rounds = tuple(
        Round(
            labelled=100 + terms.acquire * number,
            picked=picks if number else (0, 0, 0),
            metrics={
                "rare_accuracy": value,
                "accuracy": 0.7,
                "balanced_accuracy": value + 0.1,
                "macro_auc": 0.8,
            },
        )
        for number, value in enumerate(rare)
    )
    metrics = done(method, seed)[0].metrics | {
        "rare_accuracy": final,
        "rare_accuracy_area": float(np.mean(rare[1:])),
        "balanced_accuracy_area": float(np.mean(rare[1:])) + 0.1,
        "accuracy_area": 0.7,
        "rare_found": picks[2] * (terms.rounds - 1),
        "rare_found_share": 0.1,
    }
    facts = {"class_names": NAMES, "class_counts": (20, 75, 5), "support": (20, 20, 20)}
    facts |= {"rare": (2,), "pool": 400}
    return _made(method, seed, terms, changes, metrics, rounds=rounds, **facts)


def board(root, finished, slug="fake@natural"):
    leaderboard.publish(root, finished)
    leaderboard.render(root)
    return (root / f"{slug}.md").read_text()


def rows(page, title):
    """Cells of the first table after a text, its head first."""
    after = page[page.index(title) :].splitlines()
    table = dropwhile(lambda line: not line.startswith("|"), after)
    lines = takewhile(lambda line: line.startswith("|"), table)
    cells = [re.split(r"(?<!\\) \| ", line[2:-2]) for line in lines]
    return [cells[0], *cells[2:]]


def files(root):
    found = [p for p in root.rglob("*") if p.is_file() and p.name != ".lock"]
    return {p.relative_to(root): p.read_bytes() for p in found}
