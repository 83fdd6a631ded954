"""Splits by group: whole groups, stratified, seeded, whatever the order of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.splitting import splits
from medtail.datamodules.core.splitting.splits import (
    FRACTIONS,
    balanced_split,
    carve_validation,
    check_split,
    few_groups_split,
    group_split,
    split_digest,
)
from medtail.datamodules.core.table import SPLITS, SampleTable


@st.composite
def grouped(draw):
    """Targets and groups: each class has some groups of 1 to 4 images."""
    target, group = [], []
    for c in range(draw(st.integers(2, 5))):
        for _ in range(draw(st.integers(3, 40))):
            size = draw(st.integers(1, 4))
            target += [c] * size
            group += [f"g{len(group)}"] * size
    return np.array(target), np.array(group)


@given(grouped(), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_groups_whole_and_classes_near_their_share(data, seed):
    target, group = data
    split = group_split(target, group, seed)
    for name in np.unique(group):
        assert len(set(split[group == name])) == 1
    for fraction, part in zip(FRACTIONS, SPLITS, strict=True):
        share = fraction * np.bincount(target)
        held = np.bincount(target[split == part], minlength=len(share))
        assert np.abs(held - share).max() <= 4 + 1  # one group, and rounding
        assert (held > 0).all()


@given(grouped(), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_deterministic_in_the_seed(data, seed):
    assert (group_split(*data, seed) == group_split(*data, seed)).all()


def test_the_seed_matters():
    target, group = np.repeat([0, 1], 100), np.arange(200).astype(str)
    assert (group_split(target, group, 0) != group_split(target, group, 1)).any()


@given(grouped(), st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_order_of_rows_does_not_matter_once_sorted_by_group(data, random):
    target, group = data
    order = list(range(len(group)))
    random.shuffle(order)
    split = dict(zip(group.tolist(), group_split(target, group, 0).tolist(), strict=True))
    shuffled = group_split(target[order], group[order], 0)
    assert dict(zip(group[order].tolist(), shuffled.tolist(), strict=True)) == split


def test_a_group_of_several_classes_stays_whole():
    target, group = np.array([0, 1] * 30), np.repeat(np.arange(30).astype(str), 2)
    split = group_split(target, group, 0)
    assert (split[::2] == split[1::2]).all()
    assert [int((split == s).sum()) for s in SPLITS] == [42, 6, 12]


def table(target, group=None):
    ids = np.array([f"i{n:03d}" for n in range(len(target))])
    return SampleTable(ids, np.array(target), group)


def test_carved_validation_is_an_eighth_of_train_by_group():
    given_split = np.array(["train"] * 80 + ["test"] * 20)
    group = np.repeat(np.arange(50).astype(str), 2)
    carved = carve_validation(table([0] * 100, group), given_split, 0)
    assert [int((carved == s).sum()) for s in SPLITS] == [70, 10, 20]
    assert (carved[80:] == "test").all()
    assert (carved[::2] == carved[1::2]).all()


def test_digest_depends_on_ids_and_split_not_on_order():
    split = np.array(["train", "val", "test", "train"])
    whole = table([0, 0, 1, 1])
    turned = SampleTable(whole.id[::-1], whole.target[::-1])
    assert split_digest(whole, split) == split_digest(turned, split[::-1])
    assert split_digest(whole, split) != split_digest(whole, split[::-1])
    assert len(split_digest(whole, split)) == 16


def test_empty_split_and_class():
    with pytest.raises(DataError, match="the val split is empty"):
        check_split("x", table([0, 1]), np.array(["train", "test"]), ("a", "b"))
    split = np.array(["train", "val", "test"])
    with pytest.raises(DataError, match="no training image of class b"):
        check_split("x", table([0, 1, 1]), split, ("a", "b"))


def test_a_balanced_split_holds_as_many_of_each_class():
    target = np.repeat([0, 1, 2], [50, 9, 20])
    amounts = {"val": 2, "test": 4}
    split = balanced_split("fake", target, "abc", amounts, 0)
    held = {name: np.bincount(target[split == name], minlength=3).tolist() for name in SPLITS}
    assert held == {"train": [44, 3, 14], "val": [2, 2, 2], "test": [4, 4, 4]}
    assert (balanced_split("fake", target, "abc", amounts, 0) == split).all()
    assert (balanced_split("fake", target, "abc", amounts, 1) != split).any()
    with pytest.raises(DataError, match="fake: class b has 9 images: 9 are held out"):
        balanced_split("fake", target, "abc", {"val": 3, "test": 6}, 0)


def test_few_large_groups_are_parted_as_near_to_the_shares_as_can_be():
    """10 groups of 10 images each, half of them of either class: 7, 1 and 2, and no other."""
    target = np.tile(np.repeat([0, 1], 5), 10)
    group = np.repeat([f"v{n}" for n in range(10)], 10)
    for seed in range(5):
        split = few_groups_split(target, group, seed)
        assert {s: len(set(group[split == s])) for s in SPLITS} == {"train": 7, "val": 1, "test": 2}
        assert (few_groups_split(target, group, seed) == split).all()


def test_a_local_search_moves_a_group_and_exchanges_two():
    """From all in one split, moves alone help; from a wrong pair, an exchange alone."""
    wanted = np.array([0, 0, 1, 2])
    weight = np.array([1, 1, 3, 5])

    def by_sums(trial):
        sums = [weight[trial == s].sum() for s in range(3)]
        return float(((np.array(sums) - [2, 3, 5]) ** 2).sum())

    assert splits._descend(np.zeros(4, np.int64), by_sums).tolist() == wanted.tolist()

    def exchanged(trial):
        if (trial == [1, 0]).all():
            return 0.0
        return 1.0 if (trial == [0, 1]).all() else 2.0

    assert splits._descend(np.array([0, 1]), exchanged).tolist() == [1, 0]
