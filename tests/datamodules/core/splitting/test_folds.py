"""Folds and draws: whole groups, each image tested once, validation cut as training is."""

from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtail import datamodules
from medtail.datamodules.core import derived
from medtail.datamodules.core.errors import DataError, MedtailError
from medtail.datamodules.core.splitting.leaks import forbid_shared_groups, without_copies
from medtail.datamodules.core.splitting.splits import split_of
from medtail.datamodules.core.table import SampleTable
from tests.datamodules.core.splitting.test_splits import grouped


def table(target, group, split=None):
    return SampleTable(np.array([f"i{n}" for n in range(len(target))]), target, group, split)


@given(grouped(), st.integers(2, 5), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_every_image_is_tested_once_and_no_group_is_torn(data, folds, seed):
    target, group = data
    made = table(target, group)
    parts = [split_of("x", made, seed, folds, fold) for fold in range(1, folds + 1)]
    tested = np.array([part == "test" for part in parts])
    assert (tested.sum(0) == 1).all()
    for part in parts:
        for name in np.unique(group):
            assert len(set(part[group == name])) == 1
    largest = max(np.unique(group, return_counts=True)[1])
    for k, amount in enumerate(np.bincount(target)):
        held = tested[:, target == k].sum(1)
        assert abs(held - amount / folds).max() <= largest, "stratified"


def test_validation_is_an_eighth_of_what_a_fold_leaves():
    target = np.repeat([0, 1], [400, 80])
    made = table(target, np.array([f"g{n // 2}" for n in range(480)]))
    part = split_of("x", made, 0, 4, 2)
    assert np.count_nonzero(part == "test") == 120
    assert abs(np.count_nonzero(part == "val") - 360 / 8) <= 2, "to within a group of each class"
    assert (part != split_of("x", made, 1, 4, 2)).any(), "another draw is another split"
    assert (part == split_of("x", made, 0, 4, 2)).all()


def test_what_cannot_be_folded_is_one_line():
    target, group = np.array([0, 0, 1, 1]), np.array(["a", "b", "c", "d"])
    with pytest.raises(DataError, match="x: 4 groups are too few for 5 folds"):
        split_of("x", table(target, group), 0, 5, 1)
    split = np.array(["train", "val", "test", "train"])
    with pytest.raises(DataError, match="x comes with a split of its own"):
        split_of("x", table(target, group, split), 0, 2, 1)
    for folds, fold in ((1, 1), (3, 4), (3, 0), (0, 1)):
        with pytest.raises(MedtailError, match="give 2 folds or more, and one of them from 1"):
            datamodules.build("phantom@natural", folds=folds, fold=fold)
    with pytest.raises(MedtailError, match="write whole or like_train"):
        datamodules.build("phantom@natural", validation="half")


def phantom(regime, tmp_path, **arguments):
    made = datamodules.build(
        f"phantom@{regime}", 16, count=1500, cache=tmp_path / "cache", **arguments
    )
    made.arrange()
    return made


def counts(data, split):
    return np.bincount(data.target[data.rows(split)], minlength=7)


def test_validation_like_train_keeps_the_share_that_training_keeps(tmp_path):
    natural, whole = (phantom(r, tmp_path) for r in ("natural", "lt20"))
    cut = phantom("lt20", tmp_path, validation="like_train")
    assert (counts(whole, "val") == counts(natural, "val")).all(), "as it is by default"
    assert (cut.rows("test") == whole.rows("test")).all()
    assert (cut.rows("train") == whole.rows("train")).all()
    kept = counts(whole, "train") / counts(natural, "train")
    wanted = np.maximum(1, np.rint(counts(natural, "val") * kept))
    assert abs(counts(cut, "val") - wanted).max() <= 2, "to within a group"
    assert counts(cut, "val").sum() < counts(whole, "val").sum()
    plain = phantom("natural", tmp_path, validation="like_train")
    assert (plain.rows("val") == natural.rows("val")).all()
    with pytest.raises(DataError, match="is for regimes of the long tail"):
        phantom("oneclass", tmp_path, validation="like_train")


@given(grouped(), st.integers(3, 5), st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_two_folds_are_tested_together_and_neither_is_trained_on(data, folds, seed):
    target, group = data
    made = table(target, group)
    alone = [split_of("x", made, seed, folds, f) == "test" for f in range(1, folds + 1)]
    both = split_of("x", made, seed, folds, 1, 3)
    assert ((both == "test") == (alone[0] | alone[2])).all()
    assert (both == split_of("x", made, seed, folds, 3, 1)).all(), "whichever is named first"
    for name in np.unique(group):
        assert len(set(both[group == name])) == 1


def test_a_given_test_stays_out_of_folds():
    target = np.tile([0, 1], 60)
    given_split = np.repeat(["train", "val", "test"], [80, 10, 30])
    made = table(target, None, given_split)
    parts = [split_of("x", made, 0, 3, fold, hold_out=True) for fold in (1, 2, 3)]
    for part in parts:
        assert ((part == "held") == (given_split == "test")).all()
    tested = np.array([part == "test" for part in parts]).sum(0)
    assert (tested == (given_split != "test")).all()
    assert (split_of("x", made, 0, hold_out=True) == given_split).all(), "without folds it is given"
    with pytest.raises(DataError, match="hold_out: true"):
        split_of("x", made, 0, 3, 1)


def test_no_group_and_no_copy_of_a_held_out_test_is_trained_on():
    ids = np.array(list("abcdefgh"))
    split = np.array(["train", "train", "train", "val", "test", "test", "held", "held"])
    group = np.array(["p", "q", "r", "s", "t", "u", "q", "v"])
    made = SampleTable(ids, np.zeros(8, np.int64), group)
    with pytest.raises(DataError, match="1 groups have images in both train and held"):
        forbid_shared_groups("x", made, split)
    pixels = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    pixels[1] = pixels[4] = pixels[6]
    cleaned = without_copies(split, Pixels(pixels))
    assert cleaned.tolist() == ["train", "excluded", *split[2:4], "excluded", *split[5:]]


class Pixels:
    """A store in memory, whose digests stand nowhere else."""

    def __init__(self, images):
        self.images = images
        self.path = Path(mkdtemp()) / "store.npy"
        derived.ensure(self.path, {}, lambda part: part.write_bytes(images.tobytes()))

    def __iter__(self):
        return iter(self.images)


def test_a_second_fold_that_is_none_is_one_line():
    for arguments in ({"folds": 3, "fold": 1, "beside": 1}, {"folds": 2, "fold": 1, "beside": 2}):
        with pytest.raises(MedtailError, match="give another fold"):
            datamodules.build("phantom@natural", **arguments)
    with pytest.raises(MedtailError, match="hold_out='yes': write true or false"):
        datamodules.build("phantom@natural", folds=3, fold=1, hold_out="yes")
