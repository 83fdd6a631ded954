"""Image files: what is read and how, and what is refused because it can be read in two ways."""

import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from medtail.datamodules.core.pixels.cache import ReadingError
from medtail.datamodules.core.pixels.reading import read_image, resize
from medtail.datamodules.core.pixels.window import Window

SIZE = (12, 10)
RNG = np.random.default_rng(5)
COLOUR = RNG.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
GREY = COLOUR[:, :, 0]
DEEP = RNG.integers(0, 4096, SIZE)


def read(path, window=None, frame=None, channels=3, size=SIZE):
    return read_image(path, size, channels, window and Window.parse(window), frame)


def refused(path, *parts, error=ReadingError, **given):
    with pytest.raises(error) as caught:
        read(path, **given)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{path}: ")
    assert all(part in text for part in parts), text


def saved(path, image, **options):
    image.save(path, **options)
    return path


def as_ever(path, size, mode):
    """How 8-bit images were read before windows came."""
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image).convert(mode)
        image = image.resize((size[1], size[0]), Image.Resampling.LANCZOS)
        return np.asarray(image).reshape(*size, -1)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.tif", "a.bmp", "a.webp", "a.gif"])
@pytest.mark.parametrize(("channels", "mode"), [(3, "RGB"), (1, "L")])
def test_8_bits_are_read_as_ever(tmp_path, name, channels, mode):
    big = Image.fromarray(RNG.integers(0, 256, (40, 30, 3)).astype(np.uint8))
    for kind in ("RGB", "L"):
        path = saved(tmp_path / name, big.convert(kind))
        np.testing.assert_array_equal(read(path, channels=channels), as_ever(path, SIZE, mode))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("deep", [False, True])
def test_images_are_turned_upright(tmp_path, orientation, deep):
    """A white upper left quarter, stored as EXIF says and shown as it was."""
    upright = np.zeros((32, 48), np.uint16 if deep else np.uint8)
    upright[:16, :24] = 4095 if deep else 255
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.swapaxes(0, 1), 6: upright.swapaxes(0, 1)[::-1],
        7: upright[::-1, ::-1].swapaxes(0, 1), 8: upright.swapaxes(0, 1)[:, ::-1],
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "x.png", Image.fromarray(np.ascontiguousarray(stored)), exif=exif)
    pixels = read(path, window=[0, 4095] if deep else None, size=(32, 48))
    np.testing.assert_array_equal(pixels[:, :, 0], np.where(upright > 0, 255, 0))


@pytest.mark.parametrize(
    ("kind", "name"),
    [(np.uint16, "a.png"), (np.uint16, "a.tif"), (np.int32, "a.tif"), (np.float32, "a.tif"),
     (np.dtype(">u2"), "a.tif")],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3])
def test_deep_grey_is_refused_or_mapped(tmp_path, kind, name, channels):
    """Clipped, then linear, then rounded, against a transcription."""
    path = saved(tmp_path / name, Image.fromarray(DEEP.astype(kind)))
    refused(path, "more than 8 bits", "window=[low, high]", "p1-p99")
    refused(path, "only DICOM files name a window", window="file")
    low, high = np.percentile(DEEP, (5, 95))
    for window, (black, white) in (([1000, 3000], (1000, 3000)), ("p5-p95", (low, high))):
        expected = np.rint((np.clip(DEEP, black, white) - black) / (white - black) * 255)
        pixels = read(path, window=window, channels=channels)
        assert pixels.shape == (*SIZE, channels)
        for channel in range(channels):
            np.testing.assert_array_equal(pixels[:, :, channel], expected)


def test_the_window_comes_before_the_size(tmp_path):
    """Of a checkerboard of 0 and 60000 in the window [0, 100] the mean is grey, not white."""
    board = np.where(np.indices((64, 64)).sum(0) % 2, 60000, 0).astype(np.uint16)
    path = saved(tmp_path / "a.png", Image.fromarray(board))
    assert abs(read(path, window=[0, 100], size=(8, 8)).astype(int) - 127.5).max() < 2


def test_an_edge_does_not_swing_over(tmp_path):
    """Lanczos overshoots beside a step: below 0 stays black, above 255 white."""
    step = np.zeros((64, 64), np.uint16)
    step[:, 32:] = 4095
    pixels = read(saved(tmp_path / "a.png", Image.fromarray(step)), [0, 4095], size=(16, 48))
    assert pixels[:, :23].max() < 60
    assert pixels[:, 25:].min() > 195


def test_a_window_on_8_bits_and_on_colours(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(GREY))
    expected = np.rint(np.clip((GREY - 50.0) / 100, 0, 1) * 255)
    np.testing.assert_array_equal(read(path, window=[50, 150], channels=1)[:, :, 0], expected)
    colour = saved(tmp_path / "b.png", Image.fromarray(COLOUR))
    refused(colour, "a window is for grey images", window=[50, 150])


def test_white_is_zero(tmp_path):
    """TIFF's photometric interpretation 0, which Pillow turns for 8 bits only."""
    for kind, window, expected in ((np.uint8, None, GREY), (np.uint16, [0, 255], 255 - GREY)):
        path = saved(tmp_path / "a.tif", Image.fromarray(GREY.astype(kind)), tiffinfo={262: 0})
        with Image.open(path) as written:  # whose writer turns 8 bits, too
            assert written.tag_v2[262] == 0
        np.testing.assert_array_equal(read(path, window=window, channels=1)[:, :, 0], expected)


def png_of_16_bits(path, kind):
    """A PNG of 16 bits a channel, which Pillow cannot write; ``kind``: 2 RGB, 4 grey and alpha,
    6 both."""

    def chunk(name, content):
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 4, 4, 16, kind, 0, 0, 0)
    channels = {2: 3, 4: 2, 6: 4}[kind]
    lines = b"".join(b"\0" + bytes(range(8 * channels)) for _ in range(4))
    content = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


@pytest.mark.parametrize("kind", [2, 4, 6])
def test_colour_of_16_bits_is_refused(tmp_path, kind):
    path = png_of_16_bits(tmp_path / "a.png", kind)
    refused(path, "16 bits a channel: convert it to 8 bits first")
    refused(path, "a window is for grey", window=[0, 9])


def test_transparent_is_black(tmp_path):
    """By as much as it is transparent; what is wholly opaque stays as it was."""
    alpha = RNG.integers(0, 256, SIZE).astype(np.uint8)
    opaque = np.full(SIZE, 255, np.uint8)
    mixed = np.dstack([COLOUR, alpha])
    pixels = read(saved(tmp_path / "a.png", Image.fromarray(mixed)))
    expected = COLOUR * (alpha[:, :, None] / 255)
    assert abs(pixels - expected).max() <= 1
    for image in (
        Image.fromarray(np.dstack([COLOUR, opaque])), Image.fromarray(np.dstack([GREY, opaque])),
    ):  # fmt: skip
        path = saved(tmp_path / "b.png", image)
        np.testing.assert_array_equal(read(path), as_ever(path, SIZE, "RGB"))
    keyed = saved(tmp_path / "c.png", Image.fromarray(GREY), transparency=int(GREY[0, 0]))
    np.testing.assert_array_equal(read(keyed)[:, :, 1], np.where(GREY[0, 0] == GREY, 0, GREY))


def test_palette_and_one_bit(tmp_path):
    image = Image.fromarray(COLOUR).quantize(16)
    palette = saved(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read(palette), np.asarray(image.convert("RGB")))
    bits = saved(tmp_path / "b.png", Image.fromarray(GREY > 127))
    np.testing.assert_array_equal(read(bits, channels=1)[:, :, 0], np.where(GREY > 127, 255, 0))
    np.testing.assert_array_equal(read(bits, window=[0, 510])[:, :, 0], (GREY > 127) * 128)


def test_cmyk(tmp_path):
    """White paper is white, not black, and red is red: Adobe's JPEGs are stored turned."""
    image = Image.new("RGB", (32, 32), (255, 255, 255))
    image.paste((255, 0, 0), (0, 0, 16, 32))
    pixels = read(saved(tmp_path / "a.jpg", image.convert("CMYK"), quality=95), size=(32, 32))
    assert abs(pixels[:, 24:].astype(int) - 255).max() < 8
    assert abs(pixels[:, :8].astype(int) - (255, 0, 0)).max() < 8


def stack(path, count=3, **options):
    pages = [Image.fromarray(np.roll(GREY, n, 0)) for n in range(count)]
    pages[0].save(path, save_all=True, append_images=pages[1:], **options)
    return path


@pytest.mark.parametrize("name", ["a.tif", "a.gif", "a.png", "a.webp"])
def test_stacks_need_a_frame(tmp_path, name):
    path = stack(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
    refused(path, "a stack of 3 frames", "frame=0")
    refused(path, "frame=3: there is no such frame, the last is frame=2", frame=3)
    for frame in range(3):
        pixels = read(path, frame=frame, channels=1)[:, :, 0]
        assert abs(pixels.astype(int) - np.roll(GREY, frame, 0)).max() <= 1
    one = saved(tmp_path / f"b{path.suffix}", Image.fromarray(GREY))
    np.testing.assert_array_equal(read(one, frame=0), read(one))


def test_a_cameras_previews_are_no_stack(tmp_path):
    pages = [Image.fromarray(COLOUR), Image.fromarray(255 - COLOUR)]
    path = tmp_path / "a.jpg"
    pages[0].save(path, "MPO", save_all=True, append_images=pages[1:])
    plain = saved(tmp_path / "b.jpg", pages[0])
    np.testing.assert_array_equal(read(path), read(plain))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.NII.GZ", "a.npy", "a.mha", "a.nrrd"])
def test_volumes_are_refused_by_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"anything")
    refused(tmp_path / name, name[1:].lower(), "export its slices")


def test_broken_files(tmp_path):
    whole = saved(tmp_path / "a.jpg", Image.fromarray(COLOUR).resize((300, 300))).read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "a.jpg", "truncated", error=OSError)
    (tmp_path / "b.png").write_bytes(b"")
    refused(tmp_path / "b.png", "no image of a kind that is known (0 bytes)", error=OSError)
    (tmp_path / "c.jpg").write_text("<html>not found</html>")
    refused(tmp_path / "c.jpg", "no image of a kind that is known", error=OSError)
    content = bytearray(saved(tmp_path / "d.png", Image.fromarray(COLOUR)).read_bytes())
    content[60] ^= 255
    (tmp_path / "d.png").write_bytes(content)
    refused(tmp_path / "d.png", error=OSError)
    refused(tmp_path / "e.png", "No such file", error=OSError)


def test_links_are_read(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(COLOUR))
    (tmp_path / "b.png").symlink_to(path)
    np.testing.assert_array_equal(read(tmp_path / "b.png"), COLOUR)
    shutil.copy(path, tmp_path / "c.weird")  # what it is stands in the file, not in its name
    np.testing.assert_array_equal(read(tmp_path / "c.weird"), COLOUR)


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
@pytest.mark.parametrize("given_mode", ["RGB", "L", "RGBA", "P"])
def test_resize(mode, channels, given_mode):
    assert resize(Image.new(given_mode, (30, 20)), (8, 12), mode).shape == (8, 12, channels)
    assert (resize(Image.fromarray(COLOUR), SIZE, "RGB") == COLOUR).all()
    with pytest.raises(ReadingError, match="more than 8 bits"):
        resize(Image.fromarray(DEEP.astype(np.uint16)), SIZE, mode)
