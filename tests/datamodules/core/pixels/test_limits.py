"""More than 200 megapixels are refused with one line, before any of them is decoded."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from medtail.datamodules.core.pixels import limits, npz
from medtail.datamodules.core.pixels.cache import ReadingError, open_store
from tests.datamodules.core.pixels.dicoms import dataset
from tests.datamodules.core.pixels.test_reading import COLOUR, SIZE, read, refused, saved

LARGE = (20_000, 10_001)


def png_that_says(width, height):
    """A PNG of a few bytes whose header names a size."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    parts = chunk(b"IHDR", head), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_a_png_of_more_is_one_line(tmp_path):
    (tmp_path / "a.png").write_bytes(png_that_says(*LARGE))
    refused(tmp_path / "a.png", "more than the 200 million", "make it smaller first")


def test_one_of_as_many_is_read_as_far_as_it_goes(tmp_path):
    (tmp_path / "a.png").write_bytes(png_that_says(20_000, 10_000))
    with pytest.raises(OSError, match="truncated"):
        read(tmp_path / "a.png", size=(2, 2))


def test_large_ones_are_read_without_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 119)  # of 120: Pillow would warn
    path = saved(tmp_path / "a.png", Image.fromarray(COLOUR))
    np.testing.assert_array_equal(read(path), COLOUR)
    store = open_store(tmp_path, "x", "key", (1, *SIZE, 3), lambda row: read(path))
    np.testing.assert_array_equal(store.images[0], COLOUR)


def test_pillow_left_to_itself_lets_none_through(tmp_path, monkeypatch):
    """Whoever else sets Pillow's own limit."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    monkeypatch.setattr(limits, "LARGEST", 119)
    path = saved(tmp_path / "a.png", Image.fromarray(COLOUR))
    refused(path, "10 x 12 pixels", "make it smaller first")


def test_frames_of_a_tiff_are_measured_one_by_one(tmp_path, monkeypatch):
    small, large = (Image.new("L", size) for size in ((10, 10), (10, 12)))
    small.save(tmp_path / "a.tif", save_all=True, append_images=[large])
    read(tmp_path / "a.tif", frame=0)
    monkeypatch.setattr(limits, "LARGEST", 119)
    read(tmp_path / "a.tif", frame=0)
    refused(tmp_path / "a.tif", "10 x 12 pixels", frame=1)


def test_dicom_is_measured_before_its_pixels_are_decoded(tmp_path):
    data = dataset(np.zeros((4, 4), np.uint8))
    data.Columns, data.Rows = LARGE
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    refused(tmp_path / "a.dcm", "20000 x 10001 pixels", "make it smaller first")


def test_images_of_an_archive(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 12, 10, 3), np.uint8), flat=np.zeros(3, "u1"))
    assert len(list(npz.stream_images(tmp_path / "a.npz", ("images",)))) == 2
    with pytest.raises(OSError, match=r"flat of shape \(3,\) is no list of images"):
        list(npz.stream_images(tmp_path / "a.npz", ("flat",)))
    monkeypatch.setattr(limits, "LARGEST", 119)
    with pytest.raises(OSError, match="10 x 12 pixels"):
        list(npz.stream_images(tmp_path / "a.npz", ("images",)))


def test_a_reading_error_it_is():
    with pytest.raises(ReadingError, match="20000 x 10001 pixels, more than the 200 million"):
        limits.check_size(*LARGE)


@pytest.mark.parametrize("shape", [(4, 6, 3), (3, 4, 6), (4, 6, 1), (4, 6, 4), (4, 6)])
def test_channels_of_an_archive(tmp_path, shape):
    np.savez(tmp_path / "a.npz", images=np.zeros((2, *shape), np.uint8))
    found = npz.stream_images(tmp_path / "a.npz", ("images",))
    assert [image.shape for image in found] == [shape, shape]


@pytest.mark.parametrize("shape", [(6, 6, 6), (7, 6, 5), (7, 6, 2)])
def test_volumes_of_an_archive_are_refused(tmp_path, shape):
    np.savez(tmp_path / "a.npz", images=np.zeros((2, *shape), np.uint8))
    with pytest.raises(OSError, match=r"images of shape .* 1, 3 or 4 channels, volumes"):
        list(npz.stream_images(tmp_path / "a.npz", ("images",)))
