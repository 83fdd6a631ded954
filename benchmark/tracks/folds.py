"""Folds of a cross-validation as one result: the predictions of all of them, pooled.

Every image is in the test of one fold, so that data of a hundred patients has a test set of all of
them. Metrics are of the pooled predictions: an AUC compares scores of several networks.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..evidence.predictions import Predictions
from ..evidence.record import Content, Cost, Provenance, Record
from ..grid.cell import Cell, digest
from ..metrics.rescoring import rescored

Result = tuple[Record, Predictions | None]


def whole_of(cell: Cell) -> Cell:
    """The cell that stands for all folds of a cell's seed."""
    return cell.model_copy(update={"terms": cell.terms.model_copy(update={"fold": 0, "beside": 0})})


def pooled(
    results: Iterable[Result], held: Mapping[str, Predictions]
) -> tuple[list[Result], dict[str, Predictions]]:
    """One more result of every seed whose folds are all there.

    Args:
        results: of cells; those that are of no fold, or of two, make nothing.
        held: predictions of validation by cell id.

    Returns:
        The results, and their predictions of validation by cell id.
    """
    parts: dict[Cell, dict[int, tuple[Record, Predictions]]] = defaultdict(dict)
    for record, predictions in results:
        terms = record.cell.terms
        alone = terms.fold and not terms.beside
        if alone and record.status == "ok" and predictions is not None:
            parts[whole_of(record.cell)][record.cell.terms.fold] = record, predictions
    made: list[Result] = []
    validation = {}
    for cell, by_fold in parts.items():
        if len(by_fold) < cell.terms.folds:
            continue
        records, tests = zip(*(by_fold[fold] for fold in sorted(by_fold)), strict=True)
        vals = [held[r.cell_id] for r in records if r.cell_id in held]
        val = joined(vals) if len(vals) == len(records) else None
        made.append(together(cell, records, joined(tests), val))
        if val is not None:
            validation[cell.id] = val
    return made, validation


def joined(parts: Sequence[Predictions]) -> Predictions:
    """Predictions one after the other."""
    sources = [p.source_class for p in parts if p.source_class is not None]
    return Predictions(
        np.concatenate([p.id for p in parts]),
        np.concatenate([p.group for p in parts]),
        np.concatenate([p.target for p in parts]),
        np.concatenate([p.logits for p in parts]),
        source_class=np.concatenate(sources) if sources else None,
    )


def together(
    cell: Cell, records: Sequence[Record], test: Predictions, val: Predictions | None
) -> Result:
    """Folds as one result.

    Args:
        cell: that it is of.
        records: of every fold.
        test: their predictions, pooled.
        val: those of validation; None where some are absent.
    """
    first = records[0]
    counts = np.array([r.class_counts for r in records]).mean(0)
    usual = first.model_copy(update={"class_counts": tuple(np.rint(counts).astype(int).tolist())})
    told = {
        "cell_id": cell.id,
        "cell": cell,
        "support": tuple(np.array([r.support for r in records]).sum(0).tolist()),
        "fitted": {},
        "cost": _cost([r.cost for r in records if r.cost]),
        "content": _content([r.content for r in records if r.content]),
        "provenance": _provenance([r.provenance for r in records if r.provenance]),
        "predictions": test.digest,
        "network": "",
        "validation": val.digest if val else "",
        **rescored(usual, test, val),
    }
    return usual.model_copy(update=told), test


def _cost(costs: Sequence[Cost]) -> Cost | None:
    """Time of all folds, and images of one of them, as of a row without folds."""
    if not costs:
        return None
    return costs[0].model_copy(
        update={
            "seconds": round(sum(c.seconds for c in costs), 2),
            "train_seconds": round(sum(c.train_seconds for c in costs), 2),
            "images": sum(c.images for c in costs) // len(costs),
            "peak_mib": max(c.peak_mib for c in costs),
            "retried": "; ".join(dict.fromkeys(c.retried for c in costs if c.retried)),
        }
    )


def _content(contents: Sequence[Content]) -> Content | None:
    """The same where the folds agree, a digest of them where they do not."""
    return contents[0].model_copy(update=_together(contents)) if contents else None


def _provenance(origins: Sequence[Provenance]) -> Provenance | None:
    if not origins:
        return None
    last = max(origins, key=lambda origin: origin.finished)
    splits = digest([origin.split_digest for origin in origins])
    return last.model_copy(update={"split_digest": splits})


def _together(contents: Sequence[Content]) -> dict[str, Any]:
    named = ("data", "pixels", "method", "shared")
    every = {name: [getattr(c, name) for c in contents] for name in named}
    return {n: v[0] if len(set(v)) == 1 else digest(v) for n, v in every.items()}
