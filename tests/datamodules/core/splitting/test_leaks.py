"""The leak report against brute force, and the exclusion of copies."""

from dataclasses import replace

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.pixels.cache import open_store
from medtail.datamodules.core.splitting.leaks import (
    count_similar,
    forbid_identical_images,
    forbid_shared_groups,
    leak_report,
    perceptual_hashes,
    same_images,
    without_copies,
)
from medtail.datamodules.core.table import SampleTable

hashes = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20)


@given(hashes, hashes, st.integers(0, 64))
def test_similar_is_brute_force(first, second, bits):
    expected = sum(any((a ^ b).bit_count() <= bits for a in first) for b in second)
    assert count_similar(np.array(first, np.uint64), np.array(second, np.uint64), bits) == expected


def store_of(tmp_path, images):
    return open_store(tmp_path, "test", str(images.sum()), images.shape, lambda row: images[row])


@pytest.mark.parametrize("channels", [1, 3])
def test_hashes_are_those_of_imagehash(tmp_path, channels):
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28, channels), np.uint8)
    packed = perceptual_hashes(store_of(tmp_path, images))
    whole = [imagehash.phash(Image.fromarray(i.squeeze())) for i in images]
    for a in range(5):
        for b in range(5):
            assert int(packed[a] ^ packed[b]).bit_count() == whole[a] - whole[b]


def example(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28, 3), np.uint8)
    images[3] = images[0]  # train = test
    images[4] = images[2]  # val = test
    images[5, 0, 0] = 255 - images[1, 0, 0]
    images[5, 1:] = images[1, 1:]
    images[5, 0, 1:] = images[1, 0, 1:]  # nearly the same
    split = np.array(["train", "train", "val", "test", "test", "val"])
    table = SampleTable(
        np.array(list("abcdef")), np.zeros(6, np.int64), np.array(["p", "q", "r", "p", "s", "q"])
    )
    return table, split, store_of(tmp_path, images)


def test_report(tmp_path):
    report = leak_report(*example(tmp_path))
    pairs = ("train", "val"), ("train", "test"), ("val", "test")
    assert [report.groups[p] for p in pairs] == [1, 1, 0]
    assert [report.identical[p] for p in pairs] == [0, 1, 1]
    assert [report.similar[p] for p in pairs] == [1, 1, 1]
    assert report.leaks
    assert report.known_groups
    table, split, store = example(tmp_path)
    alone = leak_report(replace(table, group=None), split, store)
    assert not alone.known_groups
    assert (alone.groups, alone.identical) == (dict.fromkeys(report.groups, 0), report.identical)


def test_copies_leave_train_and_val_never_test(tmp_path):
    _, split, store = example(tmp_path)
    cleaned = without_copies(split, store)
    assert cleaned.tolist() == ["excluded", "train", "excluded", "test", "test", "val"]


def test_shared_groups_are_refused(tmp_path):
    table, split, _ = example(tmp_path)
    with pytest.raises(DataError, match="1 groups have images in both train and val"):
        forbid_shared_groups("x", table, split)


@given(st.lists(st.sampled_from("abcdefg"), max_size=30))
def test_same_images_is_brute_force(digests):
    expected = [
        [row for row, other in enumerate(digests) if other == digest]
        for place, digest in enumerate(digests)
        if digests.index(digest) == place and digests.count(digest) > 1
    ]
    assert [rows.tolist() for rows in same_images(np.array(digests, str))] == expected


def test_the_same_image_in_two_splits_is_refused_with_one_of_each(tmp_path):
    images = np.zeros((4, 28, 28, 3), np.uint8)
    images[3] = 1
    split = np.array(["train", "test", "train", "val"])
    table = SampleTable(np.array(list("abcd")), np.zeros(4, np.int64))
    with pytest.raises(DataError, match=r"'a' = 'b'\): 'medtail data duplicates y'.*exclude"):
        forbid_identical_images("x", table, split, store_of(tmp_path, images), "y")


def test_contrary_labels_within_train_are_reported(tmp_path):
    """Not those of what is held out, which the exclusion of copies takes care of."""
    images = np.repeat(np.arange(4, dtype=np.uint8), 2)[:, None, None, None]
    images = np.broadcast_to(images, (8, 28, 28, 3)).copy()
    split = np.array(["train"] * 4 + ["train", "test", "val", "val"])
    target = np.array([0, 1, 1, 1, 0, 1, 0, 1])
    table = SampleTable(np.array(list("abcdefgh")), target)
    assert leak_report(table, split, store_of(tmp_path, images)).contrary == (("a", "b"),)
