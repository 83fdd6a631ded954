"""The files of a recommendation: a page, a picture, the numbers."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from medtail.datamodules.core.writing import whole

from ..evidence import record
from . import words
from .certainty import Numbers
from .picture import picture
from .run import Recommendation

PAGE, NUMBERS = "recommendation.md", "recommendation.json"


def write(folder: Path, found: Recommendation) -> list[Path]:
    """Write them; the paths."""
    with whole(folder / words.PICTURE) as part:
        part.write_bytes(picture(found))
    record.write(folder / PAGE, words.page(found, folder.as_posix()))
    told = json.dumps(record.defined(numbers(found)), indent=1)
    record.write(folder / NUMBERS, told + "\n")
    return [folder / name for name in (PAGE, words.PICTURE, NUMBERS)]


def numbers(found: Recommendation) -> dict[str, Any]:
    """All figures, for programs."""
    known, choice = found.known, found.choice

    def of(row: Numbers) -> dict[str, Any]:
        recall = [r and asdict(r) for r in row.recall]
        auc = row.auc and asdict(row.auc)
        return {"balanced_accuracy": asdict(row.balanced), "macro_auc": auc, "recall": recall}

    rows = [{"row": row.name, **of(row), "worse": row.apart} for row in known.rows]
    return {
        "data": found.plan.data,
        "folds": found.plan.folds,
        "seeds": len({cell.seed for cell in found.plan.cells}),
        **asdict(found.plan.facts),
        "class_names": known.names,
        "class_images": known.images,
        "class_groups": known.units,
        "pick": choice.pick,
        "cannot_be_told_from_it": known.alike,
        "picks_of_folds": choice.inside,
        "nested": of(known.expected),
        "rows": rows,
        "held_out_test": found.held_out and of(found.held_out),
        "lost": found.lost,
    }
