"""A small clinic of made-up images, and a template of two rows that takes seconds."""

import csv
import functools

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from medtail.benchmark.cli.main import app
from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.recommendation import plan

CLASSES, GROUPS = ("naevus", "melanoma", "other"), 8
SMALL = """
methods: [erm, weighted_ce, ncm]
data: [phantom@natural]
seeds: [0]
folds: 3
image_size: 16
backbone: test_resnet
weights: none
selection: last
augment: none
budget:
  {epochs: 2, batch_size: 8, last_batch: keep, optimizer: adamw, lr: 0.01, precision: 32-true,
   tune: frozen}
"""


@pytest.fixture
def template(tmp_path, monkeypatch):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    monkeypatch.setattr(plan, "TEMPLATE", str(path))


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The command line in a folder of its own, which has not prepared the data of another."""
    prepared.cache_clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    return functools.partial(CliRunner().invoke, app)


@pytest.fixture
def clinic(tmp_path, command):
    """``skin``: three classes of eight patients with two images each, and what was not labelled."""
    rng, rows = np.random.default_rng(0), []
    for n in range(len(CLASSES) * GROUPS * 2):
        patient = n // 2
        name, k = f"{n:03d}.png", patient % len(CLASSES)
        picture = rng.integers(0, 60, (16, 16, 3))
        picture[..., k] += 150
        _save(tmp_path / "clinic" / name, picture)
        rows.append((name, f"P{patient}", CLASSES[k]))
    for n in range(3):
        _save(tmp_path / "new" / f"{n}.png", rng.integers(0, 255, (20, 24, 3)))
    with (tmp_path / "clinic/cases.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "group", "label"), *rows])
    told = command(["data", "add", "clinic/cases.csv", "--name", "skin"])
    assert told.exit_code == 0, told.output
    return rows


def _save(path, picture):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(picture.astype(np.uint8)).save(path)
