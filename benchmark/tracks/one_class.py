"""The one-class track: train on the given class, score every image by how abnormal it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.base import Method

from ..evidence.normality import Normality
from ..evidence.predictions import Predictions
from ..grid.cell import Cell
from ..metrics import one_class
from ..metrics.long_tail import SPECIFICITY, threshold_at
from . import judging, supervised
from .outcome import Kept, Scored, Tell, validation

Floats = NDArray[np.float64]


def run(cell: Cell, data: ImageDataModule, store: Path, devices: int, tell: Tell) -> Scored:
    """Train as in the long-tail track, then score by ``abnormality``; see ``tracks.Loop``."""
    trained = supervised.train(cell, data, store, devices, tell)
    raw = {split: scores(trained.method, data, split) for split in ("val", "test")}
    given = raw["val"][data.target[data.rows("val")] == 0]
    normality = normality_of(given)
    val, test = (predictions(data, split, raw[split], normality) for split in raw)
    names = data.class_names
    return Scored(
        trained.method,
        trained.stages,
        trained.seconds,
        trained.images,
        test,
        val,
        one_class.score(test, val, names),
        one_class.support(test, names),
        Kept(
            trained.method,
            cell.method,
            cell.params,
            validation(cell.terms.selection, {}, trained.stages),
            normality,
        ),
        scored_names=tuple(names[k] for k in one_class.abnormal_classes(test, names)),
    )


def scores(method: Method, data: ImageDataModule, split: str) -> Floats:
    """[N] abnormality of the rows of a split, in their order, in one process.

    Raises:
        MedtailError: a score is missing or not finite.
    """
    method.eval()
    parts = [
        judging.abnormality(method, batch.image).cpu()
        for batch in supervised.plain(data, split, method)
    ]
    found: Floats = torch.cat(parts).numpy()
    rows = len(data.rows(split))
    if found.shape != (rows,) or not np.isfinite(found).all():
        raise MedtailError(
            f"{split}: {int(np.isfinite(found).sum())} finite scores of shape {found.shape} for "
            f"{rows} images: abnormality must give one each, or the training diverged"
        )
    return found


def normality_of(given: Floats) -> Normality:
    """How scores are read, from those [V] of the given validation images."""
    low, middle, high = np.quantile(given, [0.25, 0.5, 0.75])
    scale = high - low or given.std() or 1.0
    highest = threshold_at(given, np.ones(len(given)), SPECIFICITY)
    threshold = np.arcsinh((highest - middle) / scale)
    return Normality(middle=middle, scale=scale, threshold=threshold)


def predictions(
    data: ImageDataModule, split: str, raw: Floats, normality: Normality
) -> Predictions:
    """Predictions of a split from its raw scores [N]: logits of abnormal against given."""
    logits = normality.standardised(torch.from_numpy(raw)).numpy()
    rows, table = data.rows(split), data.table
    group = table.group if table.group is not None else table.id
    made = Predictions.of(
        table.id[rows],
        group[rows],
        data.target[rows],
        np.stack([np.zeros_like(logits), logits], 1),
    )
    return replace(made, source_class=table.target[rows].astype(np.int64))
