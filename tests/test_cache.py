"""The image cache: decoded once, shared, and clear about what is wrong."""

import pickle
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from datamodules.core.cache import open_store, resize
from datamodules.core.errors import DataError

SHAPE = (5, 4, 6, 3)


class Reader:
    """Counts how often an image is decoded."""

    def __init__(self):
        self.calls = 0

    def __call__(self, row):
        self.calls += 1
        return np.full(SHAPE[1:], row, np.uint8)


def test_decoded_once_and_shared(tmp_path):
    reader = Reader()
    first = open_store(tmp_path, "x", "key", SHAPE, reader)
    second = open_store(tmp_path, "x", "key", SHAPE, reader)
    assert reader.calls == 5
    assert first.path == second.path
    assert (first.images[3] == 3).all()
    assert [p.suffix for p in tmp_path.iterdir() if p.suffix != ".lock"] == [".npy"]


def test_decoded_once_by_many_at_a_time(tmp_path):
    reader = Reader()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(open_store, tmp_path, "x", "key", SHAPE, reader)
    assert reader.calls == 5


def test_key_and_size_make_another_store(tmp_path):
    paths = {open_store(tmp_path, "x", key, SHAPE, Reader()).path for key in "ab"}
    paths.add(open_store(tmp_path, "x", "a", (4, *SHAPE[1:]), Reader()).path)
    assert len(paths) == 3


def test_travels_as_a_path(tmp_path):
    store = open_store(tmp_path, "x", "key", SHAPE, Reader())
    assert store.images.shape == SHAPE
    text = pickle.dumps(store)
    assert len(text) < 1000
    assert (pickle.loads(text).images == store.images).all()


def test_unreadable_images_leave_nothing(tmp_path):
    def read(row):
        if row in (1, 3):
            raise OSError(f"{row}.jpg: broken")
        return np.zeros(SHAPE[1:], np.uint8)

    with pytest.raises(DataError, match=r"unreadable image: 1.jpg: broken \(and 1 more\)"):
        open_store(tmp_path, "x", "key", SHAPE, read)
    assert not [p for p in tmp_path.iterdir() if p.suffix != ".lock"]


def test_no_space(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(100, 90, 10))
    with pytest.raises(DataError, match="MEDTAIL_CACHE") as caught:
        open_store(tmp_path, "x", "key", SHAPE, Reader())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
@pytest.mark.parametrize("given_mode", ["RGB", "L", "RGBA", "P"])
def test_resize(mode, channels, given_mode):
    assert resize(Image.new(given_mode, (30, 20)), (8, 12), mode).shape == (8, 12, channels)
    same = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(4, 6, 3)
    assert (resize(Image.fromarray(same), (4, 6), "RGB") == same).all()
