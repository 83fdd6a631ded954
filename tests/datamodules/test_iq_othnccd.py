"""IQ-OTH/NCCD: its blocks of slices, its names as they unpack, its random split."""

import numpy as np
import pytest
from PIL import Image

from medtail import datamodules
from medtail.datamodules import iq_othnccd
from medtail.datamodules.core.card import card
from medtail.datamodules.core.errors import DataError
from tests.layouts import move
from tests.twins import SIDE, iq_othnccd_twin


def read(name, root, **arguments):
    module = datamodules.build(name, 28, root=root, cache=root / "cache", **arguments)
    module.prepare()
    return module


@pytest.mark.real
def test_the_real_blocks_are_those_of_the_numbers(real_data, tmp_path):
    table = datamodules.build("iq_othnccd", 28, root=real_data, cache=tmp_path).load_table()
    for name, split in zip(table.id, table.split, strict=True):
        label, number = name.split("_")
        assert split == iq_othnccd.block(label, int(number))
        assert int(number) not in iq_othnccd.COPIES[label]
    total = np.bincount(table.target).tolist()
    assert total == [405, 103, 547]
    assert table.group is None
    counts = {s: np.bincount(table.target[table.split == s]).tolist() for s in set(table.split)}
    assert counts == {"train": [278, 75, 387], "val": [45, 12, 57], "test": [82, 16, 103]}


def iq_as_it_unpacks(root):
    folder = root / "iq_othnccd"
    (folder / "labels.csv").unlink()
    for path in list((folder / "images").iterdir()):
        label, number = path.stem.split("_")
        name = "Bengin" if label == "benign" else label.title()
        move(path, folder / name / f"{name} case ({int(number)}).jpg")
    for name in ("Normal case (410)", "Bengin case (8)", "overview"):
        Image.new("L", (SIDE, SIDE)).save(folder / f"{name}.jpg")


def test_names_of_the_download():
    told = iq_othnccd.class_and_number
    assert told("Bengin case (9)") == ("benign", 9)
    assert told("Malignant case (1)") == ("malignant", 1)
    assert told("normal case (405)") == ("normal", 405)
    assert told("Normal case (406)") is None  # byte-equal to one of 11 to 375
    assert told("normal_405") is None


def test_slices_at_random_are_had_under_a_marked_name_only(tmp_path):
    iq_othnccd_twin(tmp_path)
    blocks, mixed = read("iq_othnccd", tmp_path), read("iq_othnccd+leaky_image", tmp_path)
    assert blocks.split.tolist() == blocks.table.split.tolist()
    assert mixed.split.tolist() != blocks.split.tolist()
    assert "marked as leaking" in card(mixed)
    with pytest.raises(DataError, match="comes with a split of its own"):
        read("iq_othnccd", tmp_path, folds=3, fold=1)


def test_the_download_as_it_unpacks_gives_the_same_table(tmp_path):
    iq_othnccd_twin(tmp_path)
    first = read("iq_othnccd", tmp_path)
    iq_as_it_unpacks(tmp_path)
    again = read("iq_othnccd", tmp_path)
    assert first.table.id.tolist() == again.table.id.tolist()
    assert first.table.target.tolist() == again.table.target.tolist()
    assert first.split.tolist() == again.split.tolist()
    assert again.source == "JPEG of the download, whole"
    assert "groups are" in card(again)


def test_a_label_or_a_split_that_is_none(tmp_path):
    iq_othnccd_twin(tmp_path)
    path = tmp_path / "iq_othnccd" / "labels.csv"
    text = path.read_text()
    path.write_text(text.replace(",train\n", ",holdout\n", 1))
    with pytest.raises(DataError, match="write one of train, val, test"):
        read("iq_othnccd", tmp_path)
    path.write_text(text.replace(",benign,", ",odd,", 1))
    with pytest.raises(DataError, match="label 'odd' of 'benign_001' is out of range"):
        read("iq_othnccd", tmp_path)
