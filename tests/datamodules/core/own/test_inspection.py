"""What is obvious is found, and nothing is guessed that is not."""

import csv

import numpy as np
import pytest

from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.own.inspection import inspected
from tests.datamodules.core.own.files import many, pixels, table
from tests.twins import write_image


def found(file, **said):
    base = {"name": "skin", "source": str(file)}
    return inspected({**base, **said}, file, file.parent, "--{} {}".format)


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("image", "label"), ("Image Path", "Diagnosis"), ("filename", "class"), ("img", "dx"),
        ("path", "target"), ("ISIC_id", "category"), ("file_name", "Finding Labels"),
    ],
)  # fmt: skip
def test_usual_names(tmp_path, image, label):
    facts = found(table(tmp_path, many(), (image, label)))
    assert (facts.image, facts.label) == (image, label)


def test_the_column_whose_images_are_there(tmp_path):
    rows = [(f"x{n}", f"img/{n}.png", "ab"[n % 2]) for n in range(6)]
    for n in range(6):
        write_image(tmp_path / f"img/{n}.png", n)
    path = table(tmp_path, rows, ("image_id", "path", "label"), images=False)
    assert found(path).image == "path"
    path = table(tmp_path, [(str(n), "ab"[n % 2]) for n in range(6)], ("id", "dx"), images=False)
    assert found(path).image == "id"  # names without ending, anywhere below
    with pytest.raises(DataError, match=r"no image of column id is below .*columns: id, dx"):
        found(table(tmp_path / "empty", [("1", "a")], ("id", "dx"), images=False))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (("image", "dx", "diagnosis"), "which is the label? diagnosis or dx?: say it by --label"),
        (("image", "a", "b"), "which is the label? none is obvious"),
        (("foo", "label", "x"), "no image: name the column by --image COLUMN"),
    ],
)
def test_what_is_not_obvious_is_one_line_with_the_columns(tmp_path, head, words):
    path = table(tmp_path, many(lambda n: "x"), head)
    with pytest.raises(DataError) as caught:
        found(path)
    assert words in str(caught.value)
    assert ", ".join(head) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_label_wins_over_other_usual_names(tmp_path):
    path = table(tmp_path, many(lambda n: "x"), ("image", "class", "label"))
    assert found(path).label == "label"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("x_{}", "y_{}"), ("x_{split}", "y_{split}")),
        (("{}_images", "{}_labels"), ("{split}_images", "{split}_labels")),
        (("{}-img", "{} target"), ("{split}-img", "{split} target")),
    ],
)
def test_archives(tmp_path, names, expected):
    arrays = {}
    for s in ("train", "val", "test"):
        arrays[names[0].format(s)], arrays[names[1].format(s)] = pixels(4, 8, 8), np.arange(4) % 2
    np.savez(tmp_path / "a.npz", **arrays)
    facts = found(tmp_path / "a.npz")
    assert (facts.image, facts.label) == expected
    np.savez(tmp_path / "b.npz", x=pixels(4, 8, 8), z=pixels(4, 8, 8), y=np.arange(4))
    with pytest.raises(DataError, match=r"which is the image\? x or z\?: say it by --image NAME"):
        found(tmp_path / "b.npz")
    assert found(tmp_path / "b.npz", image="z").label == "y"


def test_a_wrong_setting_names_it(tmp_path):
    with pytest.raises(DataError, match=r"--channels \.\.\.: 2: write 1 or 3"):
        found(table(tmp_path, many()), channels=2)


def test_a_column_for_each_class(tmp_path):
    rows = [(f"{n}.png", *(int(n % 3 == k) for k in range(3))) for n in range(6)]
    path = tmp_path / "t.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("image", "mel", "nv", "bcc"), *rows])
    for n in range(6):
        write_image(tmp_path / f"{n}.png", n)
    assert found(path, label=["mel", "nv", "bcc"]).label == ("mel", "nv", "bcc")
    with pytest.raises(DataError, match="A,B,C for a column a class"):
        found(path)
