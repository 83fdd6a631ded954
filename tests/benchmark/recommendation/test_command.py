"""``medtail recommend`` from a table of patients to an ensemble that is applied to new images."""

import csv
import json
import shutil
from io import StringIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from rich.console import Console

import medtail
from medtail.benchmark.execution.launch import inline
from medtail.benchmark.execution.store import Store
from medtail.benchmark.recommendation import run
from medtail.benchmark.recommendation.choice import key_of
from medtail.benchmark.recommendation.plan import plan

RECOMMEND = ["recommend", "skin", "--folds", "3", "--seeds", "1", "--launcher", "inline"]
PLACE = "runs/recommend/skin@natural"


def test_the_time_is_told_before(template, clinic, command):
    told = command([*RECOMMEND, "--dry-run"])
    assert told.exit_code == 0, told.output
    words = " ".join(told.output.split())  # wherever a line of the terminal ends
    assert "9 cells of 3 folds, 9 of pairs of folds for the choices inside; 0 are done" in words
    assert "18 cells to run: about" in words
    assert "features of all images, about" in words


def test_a_tiny_class_is_one_line(template, clinic, command):
    told = command([*RECOMMEND[:3], "9"])
    assert str(told.exception) == (
        "skin@natural: melanoma has 8, naevus has 8, other has 8 groups, and 9 folds need 9 of "
        "each class: take --folds 8, or merge such a class with another, or leave its images out"
    )


def test_a_damaged_result_stops_it_with_the_way_out(template, clinic, command, tmp_path):
    folder = Store(tmp_path / PLACE).folder(plan("skin", 3, 1, {}).pairs[0])
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{")
    told = command([*RECOMMEND, "--dry-run"])
    assert str(told.exception).startswith(f"{folder / 'record.json'}: no valid record")
    assert f"medtail clean --damaged --yes --out {PLACE}'" in str(told.exception)


@pytest.mark.slow
def test_from_a_table_to_an_ensemble(template, clinic, command, tmp_path):
    told = command(RECOMMEND)
    assert told.exit_code == 0, told.output
    for words in (
        "48 images of 24 groups (patients or lesions), of which none is on both sides",
        "Nested means: for each fold the row was picked anew",
        "the nested estimate",
    ):
        assert words in " ".join(told.output.split())
    out = tmp_path / PLACE
    found = json.loads((out / "recommendation.json").read_text())
    assert found["pick"] in (tmp_path / PLACE / "recommendation.md").read_text()
    assert len(found["picks_of_folds"]) == 3
    assert {row["row"] for row in found["rows"]} == {"erm", "weighted_ce", "ncm"}
    assert found["nested"]["balanced_accuracy"]["mean"] > 0.9, "colours tell the classes apart"
    for recall in found["nested"]["recall"]:
        assert recall["low"] < recall["mean"] <= recall["high"]
    assert (out / "recommendation.png").read_bytes().startswith(b"\x89PNG")
    _groups_stay_whole(clinic, out)
    again = command(RECOMMEND)
    assert "18 are done" in again.output
    assert "✓" not in again.output, "nothing is trained again"
    assert json.loads((out / "recommendation.json").read_text()) == found
    _only_what_is_missing(out, command)
    _predicted_by_all(out, command, tmp_path)


def _groups_stay_whole(rows, out):
    """Every image is tested in one fold, and all images of a patient in the same."""
    patient = {name: who for name, who, _ in rows}
    folds = {}
    store, asked = Store(out), plan("skin", 3, 1, {})
    for cell in asked.cells:
        for name in store.predictions(cell).id.tolist():
            folds.setdefault(patient[name], set()).add(cell.terms.fold)
    assert len(folds) == 24
    assert all(len(mine) == 1 for mine in folds.values())
    tests = {key_of(c): set(store.predictions(c).id) for c in (*asked.cells, *asked.pairs)}
    for cell in asked.pairs:
        row, seed, fold, beside = key_of(cell)
        both = tests[row, seed, fold, 0] | tests[row, seed, beside, 0]
        assert tests[row, seed, fold, beside] == both


def _only_what_is_missing(out, command):
    """A lost network and a lost pair of folds are made again, and nothing else."""
    store, asked = Store(out), plan("skin", 3, 1, {})
    (store.folder(asked.cells[0]) / "network.safetensors").unlink()
    shutil.rmtree(store.folder(asked.pairs[-1]))
    cells, pairs = run.missing(asked, store)
    assert (cells, pairs) == ([asked.cells[0]], [asked.pairs[-1]])
    told = command(RECOMMEND)
    assert told.output.count("✓") == 2


def _predicted_by_all(out, command, tmp_path):
    """``predict`` and ``load`` give the mean of the networks' probabilities."""
    told = command(["predict", f"{out}/ensemble", "new", "--out", "new.csv"])
    assert told.exit_code == 0, told.output
    assert "ensemble of 3 networks: 3 images -> new.csv" in told.output
    with (tmp_path / "new.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    together = medtail.load(out / "ensemble")
    images = torch.randint(0, 256, (5, 3, 16, 16), dtype=torch.uint8)
    each = [medtail.load(p.parent)(images) for p in sorted(out.glob("ensemble/*/network.json"))]
    assert len(each) == 3
    torch.testing.assert_close(together(images), torch.stack(each).mean(0))
    assert sum(float(rows[0][name]) for name in together.class_names) == pytest.approx(1)


@pytest.mark.slow
def test_features_and_a_test_of_ones_own(template, clinic, command, tmp_path):
    """The given test stays out of all folds, and is scored once by what ``load`` gives."""
    table = [["image", "group", "label", "split"]]
    table += [[*row, "test" if n >= 36 else "train"] for n, row in enumerate(clinic)]
    with (tmp_path / "clinic/split.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    told = command(["data", "add", "clinic/split.csv", "--name", "given"])
    assert told.exit_code == 0, told.output
    rng, ids = np.random.default_rng(0), [row[0] for row in clinic]
    kinds = [sorted({row[2] for row in clinic}).index(row[2]) for row in clinic]
    vectors = rng.normal(size=(48, 6)).astype(np.float32) + 2 * np.eye(6, dtype=np.float32)[kinds]
    pq.write_table(pa.table({"id": ids, "vector": vectors.tolist()}), "mine.parquet")
    asked = plan("given", 3, 1, {"features": "mine.parquet", "image_size": 16})
    assert (asked.facts.images, asked.facts.held_out) == (36, 12)
    store, console = Store(tmp_path / "out"), Console(file=StringIO())
    assert not run.perform(*run.missing(asked, store), store, inline.launch, console)
    found = run.conclude(asked, store)
    held = set(ids[36:])
    for cell in (*asked.cells, *asked.pairs):
        assert not held & set(store.predictions(cell).id.tolist())
        assert not held & set(store.validation(cell).id.tolist())
    members = [cell for cell in asked.cells if cell.row == found.choice.pick]
    test = run.predicted(members, store)
    assert set(test.id.tolist()) == held
    order = [ids.index(name) for name in test.id.tolist()]
    loaded = medtail.load(tmp_path / "out/ensemble")
    given = loaded(torch.tensor(vectors[order]))
    np.testing.assert_allclose(test.probabilities, given.numpy(), atol=2e-3)
    assert found.held_out.balanced.mean > 0.5
    both = command(["recommend", "given", "--features", "mine.parquet", "--backbone", "resnet18"])
    assert "backbone says how images become features: drop it" in str(both.exception)
