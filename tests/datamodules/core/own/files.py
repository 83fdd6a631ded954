"""Made-up data of one's own, in every form in which it may come."""

import csv

import numpy as np
import pyarrow as pa
from pyarrow import parquet as pq

from medtail.datamodules.core.own.described import OwnDataset
from medtail.datamodules.core.own.description import described, write
from tests.twins import write_image

CLASSES = ("benign", "malignant")


def label(n):
    return CLASSES[n % 2]


def many(*columns, amount=40):
    """Rows of an image, a label and what functions make of the row's number."""
    return [(f"{n:03d}.png", label(n), *(f(n) for f in columns)) for n in range(amount)]


def table(folder, rows, head=("image", "label"), name="t.csv", images=True, delimiter=","):
    """A table and its images below ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    if name.endswith("parquet"):
        columns = dict(zip(head, map(list, zip(*rows, strict=True)), strict=True))
        pq.write_table(pa.table(columns), folder / name)
    else:
        with (folder / name).open("w", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([head, *rows])
    for n, row in enumerate(rows if images else ()):
        if not (folder / str(row[0])).exists():
            write_image(folder / str(row[0]), n, 4 * (row[1] == CLASSES[1]))
    return folder / name


def pixels(amount, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (amount, *shape)).astype(np.uint8)


def dataset(root, values, name="skin", **arguments):
    """The data module of ``root/name``, whose ``dataset.yaml`` is written."""
    write(root / name / "dataset.yaml", described({"name": name, **values}))
    return OwnDataset(f"{name}@natural", 16, root=root, cache=root / ".cache", **arguments)
