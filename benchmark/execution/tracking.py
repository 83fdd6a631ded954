"""Weights & Biases: a mirror of what was recorded, never a source. Offline unless asked."""

import os
from pathlib import Path
from typing import Literal

from medtail.datamodules.core.errors import MedtailError

from ..evidence.record import Record
from .surroundings import without_a_run

Mode = Literal["offline", "online", "disabled"]
MODES: dict[str, Mode] = {
    "offline": "offline",
    "online": "online",
    "disabled": "disabled",
    "": "offline",
    "dryrun": "offline",  # the names of before wandb 0.9
    "run": "online",
}


def mode_of(text: str) -> Mode:
    """What ``--wandb`` or ``WANDB_MODE`` means; ``MedtailError`` where that is nothing."""
    known = MODES.get(text.strip().lower())
    if known is None:
        raise MedtailError(f"--wandb or WANDB_MODE {text!r}: write offline, online or disabled")
    return known


def mirror(record: Record, folder: Path, mode: Mode) -> None:
    """Write one run: the cell as its configuration, every epoch, the test metrics as its summary.

    The rounds of active learning follow the epochs, ``round/labelled`` being their axis.

    Args:
        record: of a finished cell.
        folder: in which ``wandb/`` lies.
        mode: ``offline`` writes files that ``wandb sync`` can send later.
    """
    if mode == "disabled":
        return
    os.environ.setdefault("WANDB_SILENT", "true")
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    settings = wandb.Settings(console="off", x_disable_stats=True, x_disable_meta=True)
    with without_a_run(mode):
        run = wandb.init(
            project="medtail",
            name=str(record.cell),
            id=record.cell_id,
            group=record.cell.terms.data,
            config=record.cell.model_dump(mode="json"),
            dir=folder,
            mode=mode,
            resume="allow" if mode == "online" else None,
            settings=settings,
        )
    step = 0
    for stage in record.stages:
        for epoch in stage.history:
            step += 1
            values = {f"{stage.name}/{k}": v for k, v in epoch.items() if v is not None}
            run.log(values, step=step)
    run.define_metric("round/*", step_metric="round/labelled")
    for place in record.rounds:
        step += 1
        scores = {f"round/{k}": v for k, v in place.metrics.items() if isinstance(v, float | int)}
        names = zip(record.class_names, place.picked, strict=False)
        picked = {f"round/picked/{name}": amount for name, amount in names}
        run.log({"round/labelled": place.labelled, **scores, **picked}, step=step)
    run.summary["status"] = record.status
    run.summary.update(
        {f"test/{k}": v for k, v in record.metrics.items() if isinstance(v, float | int)}
    )
    run.finish(exit_code=0 if record.status == "ok" else 1)
