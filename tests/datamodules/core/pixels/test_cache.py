"""The image cache: decoded once, shared, and clear about what is wrong."""

import errno
import os
import pickle
from collections import namedtuple
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest

from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.pixels import cache
from medtail.datamodules.core.pixels.cache import UNREADABLE, ReadingError, open_store

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
    assert {p.suffix for p in tmp_path.iterdir()} == {".npy", ".json", ".lock"}


def test_decoded_once_by_many_at_a_time(tmp_path):
    reader = Reader()
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(open_store, tmp_path, "x", "key", SHAPE, reader) for _ in range(4)]
        paths = {job.result().path for job in jobs}
    assert len(paths) == 1
    assert reader.calls == 5


def read_and_tell(folder, row):
    with (folder / "log").open("a") as log:
        log.write(f"{os.getpid()} {row}\n")
    return np.full(SHAPE[1:], row, np.uint8)


def open_elsewhere(folder):
    return open_store(folder, "x", "key", SHAPE, partial(read_and_tell, folder)).path


@pytest.mark.slow  # two processes import torch
def test_decoded_once_by_many_processes(tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(open_elsewhere, tmp_path) for _ in range(4)]
        paths = {job.result() for job in jobs}
    readers, rows = zip(*(line.split() for line in (tmp_path / "log").open()), strict=True)
    assert rows == tuple("01234")
    assert len(set(readers)) == len(paths) == 1
    assert str(os.getpid()) not in readers


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


needs_fallocate = pytest.mark.skipif(
    not hasattr(os, "posix_fallocate"), reason="this system has no posix_fallocate"
)


@needs_fallocate
@pytest.mark.parametrize(
    ("code", "why"), [(errno.ENOSPC, "no space left"), (errno.EROFS, "the disk is read-only")]
)
def test_a_disk_that_refuses_is_one_clear_line(tmp_path, monkeypatch, code, why):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("os.posix_fallocate", refuse)
    reader = Reader()
    with pytest.raises(DataError, match=f"{why}.*MEDTAIL_CACHE") as caught:
        open_store(tmp_path, "x", "key", SHAPE, reader)
    assert "\n" not in str(caught.value)
    assert reader.calls == 0
    assert not [p for p in tmp_path.iterdir() if p.suffix != ".lock"]


@needs_fallocate
def test_a_file_system_without_fallocate_still_serves(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr("os.posix_fallocate", refuse)
    assert (open_store(tmp_path, "x", "key", SHAPE, Reader()).images[3] == 3).all()


@needs_fallocate
def test_blocks_are_there_before_the_first_image(tmp_path):
    def read(row):
        (part,) = tmp_path.glob(".*.part")
        sizes.append((part.stat().st_blocks * 512, part.stat().st_size))
        return np.zeros((512, 512, 3), np.uint8)

    sizes: list[tuple[int, int]] = []
    open_store(tmp_path, "x", "key", (2, 512, 512, 3), read)
    assert len(sizes) == 2
    assert all(held >= size > 2 * 512 * 512 * 3 for held, size in sizes)


def test_the_decoder_is_part_of_the_key(tmp_path, monkeypatch):
    first = open_store(tmp_path, "x", "key", SHAPE, Reader())
    monkeypatch.setattr(cache, "DECODER_VERSION", cache.DECODER_VERSION + 1)
    assert open_store(tmp_path, "x", "key", SHAPE, Reader()).path != first.path


@pytest.mark.parametrize("kind", UNREADABLE)
def test_every_unreadable_image_is_one_clear_line(tmp_path, kind):
    def read(row):
        raise kind(*([] if kind is EOFError else ["3.jpg:\nbroken"]))

    said = "" if kind is ReadingError else "unreadable image: "
    with pytest.raises(DataError, match=rf"x: {said}.*\(and 4 more\)") as caught:
        open_store(tmp_path, "x", "key", SHAPE, read)
    assert "\n" not in str(caught.value)


def test_a_refused_image_says_how_it_can_be_read(tmp_path):
    def read(row):
        raise ReadingError(f"{row}.png: give a window")

    with pytest.raises(DataError, match=r"^x: 0.png: give a window \(and 4 more\)$"):
        open_store(tmp_path, "x", "key", SHAPE, read)


def test_pages_that_are_let_go_keep_their_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "RESIDENT", 1000)  # a few images of 4 x 4 x 3 bytes
    pixels = np.random.default_rng(0).integers(0, 256, (200, 4, 4, 3), np.uint8)
    store = cache.open_store(tmp_path, "some", "key", pixels.shape, lambda row: pixels[row])
    for _ in range(2):
        np.testing.assert_array_equal(np.stack(list(store)), pixels)
    for row in range(200):
        np.testing.assert_array_equal(store.images[row], pixels[row])
        store.let_go(1)
