"""Copies of images: listed in full whatever the splits, and out of train where that is asked."""

import csv
import io
import shlex

import numpy as np
import pytest
import yaml
from PIL import Image

from medtail import datamodules
from medtail.datamodules.core.card import card
from medtail.datamodules.core.duplicates import COLUMNS, as_csv, as_text, duplicates
from medtail.datamodules.core.errors import DataError
from tests.twins import write_csv, write_image


@pytest.fixture
def module(tmp_path):
    """40 images in given splits, of which 000 stands in four rows and 001 in two.

    000.png = 040.png (train, another label) = 041.bmp (test) = 042.png (val); 001.png = 043.png.
    """
    rows = [(f"{n:03d}.png", "ab"[n % 2], ["train", "val", "test"][n // 4 % 3]) for n in range(40)]
    for n, (name, _, _) in enumerate(rows):
        write_image(tmp_path / name, n)
    extra = (("040.png", "b", "train", 0), ("041.bmp", "a", "test", 0), ("042.png", "a", "val", 0),
             ("043.png", "b", "train", 1))  # fmt: skip
    for name, label, split, original in extra:
        Image.open(tmp_path / rows[original][0]).save(tmp_path / name)
        rows.append((name, label, split))
    write_csv(tmp_path / "t.csv", ("image", "label", "split"), rows)

    def make(name="image_table", size=16, **arguments):
        return datamodules.build(
            name, size, file=tmp_path / "t.csv", cache=tmp_path / "cache", **arguments
        )

    return make


def test_all_are_listed_although_the_data_is_refused(module, tmp_path):
    with pytest.raises(DataError, match="medtail data duplicates image_table --size 16x16 --set"):
        module().prepare()
    found = duplicates(module())
    assert [(c.image, c.id, c.label, c.split, c.excluded) for c in found] == [
        (1, "000.png", "a", "train", True),
        (1, "040.png", "b", "train", True),
        (1, "041.bmp", "a", "test", False),
        (1, "042.png", "a", "val", True),
        (2, "001.png", "b", "train", False),
        (2, "043.png", "b", "train", False),
    ]
    assert [c.labels for c in found] == ["differ"] * 4 + ["same"] * 2
    assert {c.files for c in found[:4]} == {"differ"}  # PNG and BMP
    head, *rows = csv.reader(io.StringIO(as_csv(found)))
    assert tuple(head) == COLUMNS
    assert [row[1] for row in rows] == [c.id for c in found]


def test_the_text_names_every_one(module):
    made = module()
    first, one, two, last = as_text(made, duplicates(made))
    assert "2 images stand in 6 rows of 44, compared at 16 x 16 pixels" in first
    for part in ("'000.png' (a, train)", "'041.bmp' (a, test)", "other files", "LABELS DIFFER"):
        assert part in one
    assert "2. '001.png' (b, train), '043.png' (b, train)" in two
    assert "LABELS" not in two
    assert "differ on 1" in last
    assert "takes 2 rows out of train and 1 out of val" in last
    none = f"{made.name}: no image stands twice of 44, compared at 16 x 16 pixels"
    assert as_text(made, []) == [none]


def test_the_switch_takes_copies_out_of_train(module):
    made = module(copies="exclude")
    made.prepare()
    kept = {str(i) for s in ("train", "val", "test") for i in made.table.id[made.rows(s)]}
    assert kept == {str(i) for i in made.table.id} - {"000.png", "040.png", "042.png"}
    assert "Excluded, as copies of images in val or test: 3." in card(made)
    refusing = datamodules.build("phantom", 8, copies="refuse", count=700)
    assert refusing.copies == "refuse"


def test_the_card_tells_of_contrary_labels_in_train(module, tmp_path):
    text = card(module("image_table+leaky_given"))
    assert "different labels in train: 1 (the first is '000.png' = '040.png')" in text
    assert "medtail data duplicates image_table+leaky_given --size 16x16" in text
    table = (tmp_path / "t.csv").read_text().replace("040.png,b", "040.png,a")
    (tmp_path / "t.csv").write_text(table)
    assert "different labels" not in card(module("image_table+leaky_given"))


def test_images_that_are_alike_at_a_small_size_only(module, tmp_path):
    """At 1 x 1 pixel much is the same: files say that they are not."""
    for n, name in enumerate(("002.png", "003.png")):
        board = (np.indices((8, 8)).sum(0) + n) % 2 * 255
        Image.fromarray(board.astype(np.uint8)).resize((16, 16), 0).save(tmp_path / name)
    small = [c for c in duplicates(module(size=1)) if c.id in ("002.png", "003.png")]
    assert [c.files for c in small] == ["differ", "differ"]
    assert not [c for c in duplicates(module()) if c.id == "002.png"]


def test_the_command_of_the_message_is_the_one_that_was_given(tmp_path):
    given = {"file": tmp_path / "my t.csv", "image": "path", "window": [0, 4095], "frame": 0,
             "no_group": True, "channels": 1}  # fmt: skip
    called = datamodules.build("image_table", (8, 12), label="dx", **given).called
    name, *words = shlex.split(called)
    settings = dict(word.split("=", 1) for word in words[3::2])
    assert [name, *words[:2]] == ["image_table", "--size", "8x12"]
    assert set(words[2::2]) == {"--set"}
    assert {k: yaml.safe_load(v) for k, v in settings.items()} == {
        **given, "file": str(given["file"]), "label": "dx",
    }  # fmt: skip
    plain = datamodules.build("image_table", file="t.csv")
    assert plain.called == "image_table --set file=t.csv"
