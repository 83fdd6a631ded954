"""A table or an archive with any damage is one clear line, or a dataset; never anything else."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings

from medtail.datamodules.core.errors import MedtailError
from tests.damage import damaged, no_utf_8
from tests.datamodules.core.own.files import CLASSES, dataset, many, pixels, table

HEAD = ("image", "label", "patient", "age")
ROWS = many(lambda n: f"p{n // 2}", lambda n: n % 7, amount=24)
SAID = {"image": "image", "label": "label", "group": "patient"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A data root with the images of the tables."""
    root = tmp_path_factory.mktemp("own")
    table(root / "skin", ROWS, HEAD)
    return root


def look(place, name, content):
    """Prepare the dataset of a file's content; what was said instead."""
    said = {"source": name, "classes": list(CLASSES)}
    said |= {"image": "images", "label": "labels"} if name.endswith("npz") else SAID
    path = place / "skin" / name
    path.write_bytes(content)
    told = ""
    try:
        dataset(place, said).prepare()
    except MedtailError as error:
        told = str(error) or "nothing"
    assert "\n" not in told
    return told


def contents(name):
    """The whole file of a name, outside of any test: what it says is the same each time."""
    with tempfile.TemporaryDirectory() as folder:
        if name.endswith("npz"):
            kind = np.savez if name == "t.npz" else np.savez_compressed
            labels = np.array([[n % 2] for n in range(24)])
            kind(Path(folder) / name, images=pixels(24, 8, 8, 3), labels=labels)
            return (Path(folder) / name).read_bytes()
        return table(Path(folder), ROWS, HEAD, name, images=False).read_bytes()


WHOLE = {name: contents(name) for name in ("t.csv", "t.parquet", "t.npz", "z.npz")}


@pytest.mark.parametrize("name", WHOLE)
def test_unharmed_ones_are_read(place, name):
    assert look(place, name, WHOLE[name]) == ""


@settings(max_examples=150, deadline=None)
@given(damaged(WHOLE["t.csv"]))
@example(b"")
@example(b"image,label,patient,age\n")
@example(b"image,label,patient,age\n" + b'"' * 200_000)
@example(b"image,label,patient,age\n" + b"000.png,benign," + b"x" * 200_000 + b",1\n")
@example(WHOLE["t.csv"].replace(b"\n", b"\r"))
@example(WHOLE["t.csv"].decode().encode("utf-16"))
def test_csv(place, content):
    look(place, "t.csv", content)


@settings(max_examples=150, deadline=None)
@given(damaged(WHOLE["t.parquet"]))
@example(b"PAR1PAR1")
@example(WHOLE["t.parquet"][:-4])
def test_parquet(place, content):
    look(place, "t.parquet", content)


def test_parquet_whose_text_is_no_utf_8_is_one_line(place, tmp_path):
    path = no_utf_8(tmp_path / "t.parquet", image=["0.png", "1.png"], label=["a", "b"])
    assert "UTF8" in look(place, "t.parquet", path.read_bytes())


@settings(max_examples=100, deadline=None)
@given(damaged(WHOLE["t.npz"]))
@example(b"PK\x05\x06" + bytes(18))
def test_npz(place, content):
    look(place, "t.npz", content)


@settings(max_examples=100, deadline=None)
@given(damaged(WHOLE["z.npz"]))
def test_compressed_npz(place, content):
    look(place, "z.npz", content)
