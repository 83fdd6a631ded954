"""Folds within train and val: the test is out of reach, groups stay whole."""

import numpy as np
import pytest

from medtail import datamodules
from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.nesting import nest
from medtail.datamodules.core.splitting.splits import HELD, inner_split
from medtail.datamodules.core.table import SampleTable


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 120, 600)
    target = (group % 3).astype(np.int64)
    split = np.array(["train", "train", "train", "val", "test"])[group % 5]
    ids = np.array([f"s{i}" for i in range(600)])
    return SampleTable(ids, target, group.astype(str)), split


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_each_image_outside_the_test_is_tested_once_and_no_group_is_torn(made, folds):
    table, split = made
    parts = [inner_split("x", table, split, 0, folds, fold) for fold in range(1, folds + 1)]
    tested = np.sum([part == "test" for part in parts], axis=0)
    assert (tested == (split != "test")).all()
    for part in parts:
        assert (part[split == "test"] == HELD).all()
        assert {"train", "val", "test", HELD} == set(part)
        for group in np.unique(table.group):
            assert len(set(part[table.group == group])) == 1


def test_they_are_the_same_every_time_and_too_many_are_refused(made):
    table, split = made
    one, again = (inner_split("x", table, split, 0, 3, 1) for _ in range(2))
    assert (one == again).all()
    assert (one != inner_split("x", table, split, 1, 3, 1)).any()
    with pytest.raises(DataError, match="x: train and val have 96 groups, too few for 97 folds"):
        inner_split("x", table, split, 0, 97, 1)


def test_the_images_of_the_test_have_no_role_any_more():
    def build():
        data = datamodules.build("phantom@lt10", 16, count=400)
        data.prepare()
        return data

    whole = build()
    ends = whole.plan.test
    contents = {whole.content.data}
    for fold in (1, 2):
        data = build()
        nest(data, 2, fold)
        roles = np.concatenate([data.rows(split) for split in ("train", "val", "test")])
        assert not set(roles) & set(ends)
        assert len(set(roles)) == len(roles)
        counts = np.array(data.spec.class_counts)
        assert counts.max() > 3 * counts.min() > 0, "the regime cuts a fold's train, too"
        contents.add(data.content.data)
    assert len(contents) == 3, "whose results do not count for each other"
