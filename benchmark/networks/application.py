"""A network applied to images: a row of probabilities for each, as a table in a file."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.writing import whole

from . import images as files
from .images import Images
from .network import Adapted, Network

Floats = NDArray[np.float64]
MANY = 500  # images from which on it is shown how far it is


@dataclass(frozen=True)
class Table:
    """What a network says of images.

    Attributes:
        id: [N] of those that could be read.
        names: K classes.
        probability: [N, K].
        abnormality: one-class: [N], standardised as in the record, higher for less like the given
            class; else None.
        predicted: [N] names. One-class: abnormal above the 95 % quantile of the given validation
            images.
    """

    id: list[str]
    names: tuple[str, ...]
    probability: Floats
    abnormality: Floats | None
    predicted: list[str]

    def columns(self) -> dict[str, list[str] | Floats]:
        """By header; classes keep their names, ours give way to a class of the same name."""

        def free(name: str) -> str:
            while name in self.names:
                name += "_"
            return name

        found: dict[str, list[str] | Floats] = {free("id"): self.id}
        found |= {name: self.probability[:, k] for k, name in enumerate(self.names)}
        if self.abnormality is not None:
            found[free("abnormality")] = self.abnormality
        found[free("predicted")] = self.predicted
        return found


def apply(network: Network, images: Images, console: Console, support: Images | None) -> Table:
    """Apply a network to images.

    Args:
        network: to apply.
        images: to apply it to; afterwards their ``bad`` says which could not be read.
        console: shows how far it is where there are many.
        support: few-shot: labelled images, from which it learns the classes first.

    Raises:
        MedtailError: a few-shot network without a support set, or one of too few classes.
    """
    names = network.class_names
    judge: Network | Adapted = network
    if network.about.spec.track == "few_shot":
        judge, names = _adapted(network, support)
    ids, parts, hidden = [], [], len(images.ids) < MANY or not console.is_terminal
    with Progress(console=console, transient=True, disable=hidden) as shown, torch.no_grad():
        task = shown.add_task("predicting", total=len(images.ids))
        for places, pixels in images.batches():
            parts.append(judge.logits(pixels).double().cpu())
            ids += [images.ids[place] for place in places]
            shown.advance(task, len(places))
    if not parts:
        raise MedtailError(f"none of {len(images.ids)} images can be read: {images.bad[0]}")
    logits = torch.cat(parts)
    wrong = [ids[row] for row in (~logits.isfinite().all(1)).nonzero().flatten().tolist()]
    if wrong:
        raise MedtailError(
            f"{network.about}: no finite score for {len(wrong)} images (the first is {wrong[0]})"
        )
    abnormality, best = None, logits.argmax(1).numpy()
    if (normality := network.about.normality) is not None:
        abnormality = (logits[:, 1] - logits[:, 0]).numpy()
        best = (abnormality > normality.threshold).astype(np.int64)
    probability = logits.softmax(1).numpy()
    return Table(ids, names, probability, abnormality, [names[k] for k in best])


def _adapted(network: Network, support: Images | None) -> tuple[Adapted, tuple[str, ...]]:
    if support is None:
        raise MedtailError(
            f"{network.about}: a few-shot row learns its classes from labelled images: give "
            "--support, a folder with one folder per class, or a table with the columns image, "
            "label"
        )
    labels = support.label or [name.partition("/")[0] for name in support.ids]
    names = tuple(sorted(set(labels)))
    places, pixels = [], []
    for some, part in support.batches():
        places += some
        pixels.append(part)
    if support.bad:
        raise MedtailError(f"--support: {len(support.bad)} cannot be read: {support.bad[0]}")
    target = torch.tensor([names.index(labels[place]) for place in places])
    return network.adapt(torch.cat(pixels), target), names


def support_of(text: str, network: Network, column: str) -> Images:
    """The support set that a user names: a folder of folders, or a table with labels.

    Raises:
        MedtailError: images without a class, or none.
    """
    found = files.find(text, network.about, column)
    loose = [name for name in found.ids if "/" not in name]
    if not found.label and loose:
        raise MedtailError(
            f"--support {text}: '{loose[0]}' is in no class: make one folder per class, or a table "
            "with the columns image and label"
        )
    return found


def write(path: Path, table: Table) -> None:
    """Write CSV, or Parquet by the suffix, whole or not at all."""
    columns = table.columns()
    with whole(path) as part:
        if path.suffix.lower() in (".parquet", ".pq"):
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.table(columns), part, compression="zstd")
        else:
            with part.open("w", newline="", encoding="utf-8") as lines:
                writer = csv.writer(lines)
                writer.writerow(columns)
                writer.writerows(zip(*(map(_text, v) for v in columns.values()), strict=True))


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.9g}"


def told(bad: Sequence[str], total: int) -> str:
    """One line on what could not be read."""
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return f"{len(bad)} of {total} images cannot be read: {bad[0]}{more}"
