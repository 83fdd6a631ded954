"""Rows of features: which view stands where, and nothing but its numbers."""

import numpy as np
import torch

from medtail.datamodules.core.loading.features import FIRST, FeatureRows, FeatureStore, views_drawn
from medtail.datamodules.core.loading.rows import InOrder
from medtail.datamodules.core.loading.samplers import Draw

TARGET = np.arange(10) % 3


class Stored(FeatureStore):
    def __init__(self, path, array):
        np.save(path, array)
        self.path, (_, self.views, self.width) = path, array.shape

    def ensure(self):
        pass


def rows(tmp_path, augment, views=1, seed=3):
    array = np.random.default_rng(0).normal(size=(10, 8, 5)).astype(np.float16)
    store = Stored(tmp_path / "f.npy", array)
    return array, FeatureRows(store, np.array([2, 5, 7]), TARGET, seed, augment, views)


def draws(places, epoch=1, stream=0):
    return [Draw(place % 3, epoch, place, stream) for place in places]


def test_a_view_depends_on_its_place_alone():
    places = np.array([0, 5, 70, FIRST + 9])
    whole = views_drawn(3, 1, 0, np.arange(2 * FIRST), 8)
    assert np.array_equal(views_drawn(3, 1, 0, places, 8), whole[places])
    assert np.array_equal(views_drawn(3, 1, 0, places[:2], 8), whole[places[:2]])
    others = [views_drawn(*key, np.arange(2000), 8) for key in ((4, 1, 0), (3, 2, 0), (3, 1, 1))]
    for other in others:
        assert abs(np.mean(other == whole[:2000]) - 1 / 8) < 0.03


def test_every_view_is_as_likely():
    for views in (4, 7, 8):
        counts = np.bincount(views_drawn(0, 0, 0, np.arange(40_000), views), minlength=views)
        assert len(counts) == views
        assert np.abs(counts / 40_000 - 1 / views).max() < 0.01


def test_an_augmented_batch_has_the_drawn_view_of_each_row(tmp_path):
    array, data = rows(tmp_path, "symmetries")
    batch = data[draws([4, 5, 6])]
    view = views_drawn(3, 1, 0, np.array([4, 5, 6]), 8)
    index = np.array([5, 7, 2])
    assert np.array_equal(batch.image.numpy(), array[index, view])
    assert batch.index.tolist() == index.tolist()
    assert batch.target.tolist() == TARGET[index].tolist()


def test_views_are_drawn_apart_and_streams_too(tmp_path):
    array, data = rows(tmp_path, "symmetries", views=2)
    both = data[[*draws(range(30)), *draws(range(30), stream=1)]]
    assert both.image.shape == (30, 2, 5)
    index = both.index.numpy()
    for stream, batch in enumerate((both, both.second)):
        for k in range(2):
            view = views_drawn(3, 1, stream * 2 + k, np.arange(30), 8)
            assert np.array_equal(batch.image[:, k].numpy(), array[index, view])


def test_a_plain_batch_has_the_first_view(tmp_path):
    array, data = rows(tmp_path, "none")
    for step in InOrder(3, 2):
        batch = data[step]
        assert np.array_equal(batch.image.numpy(), array[batch.index.numpy(), 0])


def test_a_process_without_a_row_has_none(tmp_path):
    _, data = rows(tmp_path, "none")
    batch = data[[]]
    assert batch.image.shape == (0, 5)
    assert torch.equal(batch.target, torch.empty(0, dtype=torch.int64))
