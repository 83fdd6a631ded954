"""medtail predict, medtail export, medtail clean: as a user runs them."""

import csv
import os

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from medtail.benchmark.cli.main import app
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.networks.application import Table
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.networks.conftest import CELLS

ERM, OCC, SHOT = (
    "erm on phantom@lt20",
    "mahalanobis on phantom@oneclass",
    "protonet on phantom@shot1",
)


def run(*words, code=0):
    done = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(done.exception, MedtailError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def table(path):
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def numbers(rows, names):
    return np.array([[float(row[name]) for name in names] for row in rows])


def same(rows, others):
    """To the rounding of other batches."""
    names = [name for name in rows[0] if name not in ("id", "predicted")]
    np.testing.assert_allclose(numbers(rows, names), numbers(others, names), atol=1e-6)
    for name in ("id", "predicted"):
        assert [row[name] for row in rows] == [row[name] for row in others]


def test_a_split_gets_what_the_record_was_computed_from(runs, trained, tmp_path):
    for name, row in (("erm", ERM), ("mahalanobis", OCC)):
        out = tmp_path / f"{name}.csv"
        run("predict", row, f"{CELLS[name].terms.data}:test", "--out", out)
        rows, record = table(out), trained.read(CELLS[name])
        known = Predictions.read(trained.folder(CELLS[name]) / "predictions.parquet")
        assert [row["id"] for row in rows] == known.id.tolist()
        found = numbers(rows, record.class_names)
        made = Predictions.of(known.id, known.group, known.target, np.log(found))
        np.testing.assert_array_equal(made.logits, known.logits)
        np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)


def test_a_one_class_row_gives_its_score_and_calls_5_of_100_given_images_abnormal(runs, tmp_path):
    run("predict", OCC, "phantom@oneclass:val", "--out", tmp_path / "val.csv")
    rows = table(tmp_path / "val.csv")
    score = numbers(rows, ["abnormality"])[:, 0]
    assert abs(np.median(score)) < 1e-6
    given, other = list(rows[0])[1:3]
    assert (given, other) == ("phantom_nv", "not phantom_nv")
    np.testing.assert_allclose(numbers(rows, [other])[:, 0], 1 / (1 + np.exp(-score)), atol=1e-6)
    called = np.array([row["predicted"] == other for row in rows])
    assert 0 < called.mean() <= 0.05
    assert score[called].min() > score[~called].max()


def test_folders_tables_and_single_files_give_the_same(runs, pictures, tmp_path):
    run("predict", ERM, pictures, "--out", tmp_path / "folder.csv")
    rows = table(tmp_path / "folder.csv")
    assert [row["id"] for row in rows] == ["x/0.png", "x/1.png", "y/2.png"]
    (pictures / "list.csv").write_text("scan,image\n1,y/2.png\n2,x/0.png\n")
    run("predict", ERM, pictures / "list.csv", "--out", tmp_path / "list.csv")
    same(table(tmp_path / "list.csv"), [rows[2], rows[0]])
    (pictures / "paths.csv").write_text("path\nx/1.png\n")
    run("predict", ERM, pictures / "paths.csv", "--column", "path", "--out", tmp_path / "p.csv")
    same(table(tmp_path / "p.csv"), [rows[1]])
    run("predict", ERM, pictures / "x" / "1.png", "--out", tmp_path / "one.csv")
    same(table(tmp_path / "one.csv"), [rows[1] | {"id": "1.png"}])
    run("predict", ERM, pictures, "--out", tmp_path / "folder.parquet")
    stored = pq.read_table(tmp_path / "folder.parquet").to_pylist()
    assert [row["predicted"] for row in stored] == [row["predicted"] for row in rows]
    assert pq.read_table(tmp_path / "folder.parquet").column_names == list(rows[0])


def test_images_are_read_as_in_training(runs, pictures, network, tmp_path):
    """Grey becomes colour, larger ones small, by the same function."""
    run("predict", ERM, pictures, "--out", tmp_path / "large.csv")
    loaded = network("erm")
    with Image.open(pictures / "y" / "2.png") as image:
        small = image.convert("RGB").resize((20, 20), Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None]
    expected = loaded(pixels).numpy()
    row = table(tmp_path / "large.csv")[2]
    np.testing.assert_allclose(numbers([row], loaded.class_names), expected, atol=1e-6)


def test_what_cannot_be_read_is_one_line_and_the_others_are_written(runs, pictures, tmp_path):
    (pictures / "x" / "3.png").write_text("no image")
    (pictures / "x" / "4.jpg").write_text("")
    said = run("predict", ERM, pictures, "--out", tmp_path / "o.csv", code=1)
    (line,) = [line for line in said.splitlines() if "cannot be read" in line]
    assert line.startswith("2 of 5 images cannot be read: ")
    assert "3.png" in line
    assert "(and 1 more)" in line
    assert len(table(tmp_path / "o.csv")) == 3
    for path in pictures.rglob("*.png"):
        path.write_text("")
    with pytest.raises(MedtailError, match="none of 5 images can be read"):
        run("predict", ERM, pictures, "--out", tmp_path / "none.csv")
    assert not (tmp_path / "none.csv").exists()


def test_a_few_shot_row_learns_from_its_support(runs, pictures, tmp_path):
    with pytest.raises(MedtailError, match="give --support, a folder with one folder per class"):
        run("predict", SHOT, pictures, "--out", tmp_path / "a.csv")
    run("predict", SHOT, pictures, "--support", pictures, "--out", tmp_path / "a.csv")
    rows = table(tmp_path / "a.csv")
    assert list(rows[0]) == ["id", "x", "y", "predicted"]
    assert rows[2]["predicted"] == "y"
    distance = numbers(rows, ["x", "y"])
    assert distance[2, 1] == distance[:, 1].max() > 0.5, "it is its own prototype"
    text = "image,label\nx/0.png,x\nx/1.png,x\ny/2.png,y\n"
    (pictures / "support.csv").write_text(text)
    words = ("--support", pictures / "support.csv", "--out", tmp_path / "b.csv")
    run("predict", SHOT, pictures, *words)
    assert table(tmp_path / "b.csv") == rows
    (pictures / "support.csv").write_text(text.replace("x/1.png,x", "x/1.png,z"))
    with pytest.raises(MedtailError, match=r"the support set has 3 classes .* learns 2"):
        run("predict", SHOT, pictures, *words[:2], "--out", tmp_path / "c.csv")
    with pytest.raises(MedtailError, match="is in no class: make one folder per class"):
        run("predict", SHOT, pictures, "--support", pictures / "x", "--out", tmp_path / "c.csv")


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ("nowhere", "no such file or folder"),
        ("phantom@lt20:tset", "no such file or folder"),
        ("phantm@lt20:test", "did you mean phantom"),
        ("runs", "no image below it"),
        ("runs/cells/phantom@lt20", "no image below it"),
        ("table.csv", "no column 'image'"),
        ("readme.txt", "neither an image nor a table"),
    ],
)
def test_images_that_are_none_are_one_line(images, said, runs, tmp_path):
    (tmp_path / "table.csv").write_text("file\na.png\n")
    (tmp_path / "readme.txt").write_text("no")
    with pytest.raises(MedtailError, match=said) as caught:
        run("predict", ERM, images, "--out", tmp_path / "o.csv")
    assert "\n" not in str(caught.value)


def test_a_name_that_no_table_can_hold_is_told_before_anything_is_predicted(runs, tmp_path):
    """As of an archive that was packed under Latin-1."""
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("RGB", (30, 30)).save(folder / "a.png")
    (folder / "a.png").rename(os.fsdecode(os.fsencode(folder) + b"/bad\xff.png"))
    with pytest.raises(MedtailError, match=r"bad.udcff\.png': the name of a file is no UTF-8"):
        run("predict", ERM, folder, "--out", tmp_path / "o.csv")
    assert not (tmp_path / "o.csv").exists()


def test_nothing_is_overwritten(runs, pictures, tmp_path):
    (tmp_path / "o.csv").write_text("mine")
    for words in (("predict", ERM, pictures), ("export", ERM)):
        with pytest.raises(MedtailError, match=r"o\.csv exists already"):
            run(*words, "--out", tmp_path / "o.csv")
    assert (tmp_path / "o.csv").read_text() == "mine"


def test_a_class_may_be_called_as_our_columns():
    one = Table(["a"], ("id", "predicted"), np.array([[0.25, 0.75]]), None, ["predicted"])
    assert list(one.columns()) == ["id_", "id", "predicted", "predicted_"]


def test_clean_is_dry_unless_told(runs):
    said = run("clean", "--networks", "--keep", "none")
    assert "networks, 3 in all" in said
    assert "nothing was removed" in said
    assert len(list(runs.rglob("network.json"))) == 3
    with pytest.raises(MedtailError, match="--yes: say what to remove"):
        run("clean", "--yes")
    with pytest.raises(MedtailError, match="--keep all: write best or none"):
        run("clean", "--keep", "all")
    assert "done; records" in run("clean", "--networks", "--keep", "none", "--yes")
    assert not list(runs.rglob("network.*"))
    assert len(list(runs.rglob("record.json"))) == 3
