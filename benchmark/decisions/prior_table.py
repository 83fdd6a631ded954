"""What a board would say where classes are as common as elsewhere."""

from collections.abc import Mapping

import numpy as np

from ..boards.formatting import shown
from ..boards.row import stat
from ..metrics import operating_point
from ..statistics.intervals import Floats
from . import priors
from .material import Entry, Material
from .topic import Grid, Topic

TEXT = (
    "An image of a class weighs the class's prior over its test images, as in *Class prior* of the "
    "interactive page. Balanced accuracy is the same under every prior; what mixes classes is not. "
    "**Plain**: the most probable class. **Ratio**: probabilities times new prior over training "
    "prior (Saerens et al. 2002), which is right for a network that stands for the training prior, "
    "and corrects twice where a method rebalances. **Fitted**: one scale and an offset for each "
    "class, fitted to validation, then times the new prior: right whatever prior a network stands "
    "for. In %, mean ± standard deviation over seeds, best plain macro F1 first.",
)
WAYS = ("plain", "ratio", "fitted")
METRICS = {"accuracy": "Accuracy", "macro_f1": "Macro F1", "balanced_accuracy": "Balanced accuracy"}


def topic(material: Material) -> Topic:
    """A table for each of three priors."""
    named = priors.priors(material.counts)
    points = {e.name: [operating_point.fitted(held) for held in e.held] for e in material.entries}
    mine = [e for e in material.entries if e.name in material.shown]
    grids = []
    for name, prior in named.items():
        rows = [(e.name, _row(e, points[e.name], prior, named["head-heavy"])) for e in mine]
        rows.sort(key=lambda row: -sum(row[1]["plain macro_f1"]))
        shares = ", ".join(
            f"{label} {100 * share:.1f}" for label, share in zip(material.names, prior, strict=True)
        )
        grids.append(
            Grid(
                f"{name[0].upper()}{name[1:]}: {shares} %",
                _head(),
                tuple((n, *_cells(values)) for n, values in rows),
                (1, 2, 3, 4, 6),
            )
        )
    return Topic("Other class priors of the test", TEXT, tuple(grids))


def _head() -> tuple[str, ...]:
    heads = [f"{METRICS[m]},\n{way}" for m in ("accuracy", "macro_f1") for way in WAYS]
    heads += [f"MCC,\n{way}" for way in WAYS] + ["Macro AUC"]
    return ("Method", *heads, *(f"{METRICS['balanced_accuracy']},\n{way}" for way in WAYS))


def _row(
    entry: Entry, points: list[Floats], prior: Floats, trained: Floats
) -> dict[str, list[float]]:
    """``<way> <metric>`` -> a value for each seed; ways without validation are absent."""
    found: dict[str, list[float]] = {}
    for n, test in enumerate(entry.test):
        chosen = {
            "plain": priors.plain(test),
            "ratio": priors.by_ratio(test, prior, trained),
        }
        if points:
            chosen["fitted"] = priors.fitted(test, points[n], prior).argmax(1)
        for way, decisions in chosen.items():
            for metric, value in priors.decided(test.target, decisions, prior).items():
                found.setdefault(f"{way} {metric}", []).append(value)
        found.setdefault("macro_auc", []).append(priors.macro_auc(test, prior))
    return found


def _cells(values: Mapping[str, list[float]]) -> list[str]:
    keys = [f"{way} {metric}" for metric in ("accuracy", "macro_f1", "mcc") for way in WAYS]
    keys += ["macro_auc", *(f"{way} balanced_accuracy" for way in WAYS)]
    return [shown(stat([v if np.isfinite(v) else None for v in values.get(k, [])])) for k in keys]
