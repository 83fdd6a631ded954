"""One image file -> [H, W, C] uint8, and what is refused because it has more than one meaning."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .cache import UNREADABLE, Pixels, ReadingError, reason
from .dicom import chosen_frame, read_dicom
from .folders import VOLUME_SUFFIXES, is_dicom, suffix_of
from .limits import check_size, open_image
from .window import HOW, Levels, Window

MINISWHITE = 0  # of TIFF's tag 262


def is_deep(image: Image.Image) -> bool:
    """Whether these are grey levels of more than 8 bits."""
    return image.mode == "F" or image.mode.startswith("I")


def resize(image: Image.Image, size: tuple[int, int], mode: str) -> Pixels:
    """Convert to ``mode`` (``RGB`` or ``L``) and resize to (height, width) -> [H, W, C] uint8.

    The image is turned upright as its EXIF orientation says. Colours become grey by luma (ITU-R
    601). What is transparent is black, by as much as it is transparent.

    Raises:
        ReadingError: more than 8 bits, which Pillow would clip to white or cut off.
    """
    if is_deep(image):
        raise ReadingError(f"grey levels of more than 8 bits (mode {image.mode}): give {HOW}")
    if any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())):
        raise ReadingError("colour of 16 bits a channel: convert it to 8 bits first")
    ImageOps.exif_transpose(image, in_place=True)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            black = Image.new("RGBA", image.size, (0, 0, 0, 255))
            image = Image.alpha_composite(black, image)
    if image.mode != mode:
        image = image.convert(mode)
    if (image.height, image.width) != size:
        image = image.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def resize_levels(levels: Levels, size: tuple[int, int], channels: int) -> Pixels:
    """Grey levels [H, W] from 0 to 255 -> [H, W, C] uint8 of ``size``, rounded last."""
    if levels.shape != size:
        image = Image.fromarray(levels.astype(np.float32))
        levels = np.asarray(image.resize((size[1], size[0]), Image.Resampling.LANCZOS), np.float64)
    pixels = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
    return np.repeat(pixels[:, :, None], channels, 2)


def _windowed(image: Image.Image, window: Window) -> Levels:
    """[H, W] levels from 0 to 255 of a grey image that is no DICOM file."""
    if not is_deep(image) and image.mode not in ("1", "L"):
        raise ReadingError(f"a window is for grey images: this one is of mode {image.mode}")
    if window.kind == "file":
        raise ReadingError("only DICOM files name a window: give window=[low, high] or p1-p99")
    turned = is_deep(image) and getattr(image, "tag_v2", {}).get(262) == MINISWHITE
    image = ImageOps.exif_transpose(image)
    if image.mode == "1":
        image = image.convert("L")
    levels = window.levels(np.asarray(image).astype(np.float64))
    return 255 - levels if turned else levels


def _opened(path: Path) -> Image.Image | None:
    """The image, not yet decoded; None for a DICOM file of any name."""
    suffix = suffix_of(path.name)
    if suffix in VOLUME_SUFFIXES:
        raise ReadingError(f"a volume or an array ({suffix}): export its slices as images")
    if suffix in (".dcm", ".dicom"):
        return None
    try:
        return open_image(path)
    except UnidentifiedImageError:
        if is_dicom(path):
            return None
        size = path.stat().st_size
        raise ValueError(f"no image of a kind that is known ({size} bytes)") from None


def read_image(
    path: Path,
    size: tuple[int, int],
    channels: int,
    window: Window | None = None,
    frame: int | None = None,
) -> Pixels:
    """Decode an image file -> [H, W, C] uint8.

    A window is applied to the values at full size and precision, then the levels are resized
    (Lanczos), clipped and rounded: what it clips is clipped before pixels are mixed.

    Args:
        path: of a kind that Pillow knows, or a DICOM file.
        size: (height, width) in pixels.
        channels: 3, or 1 for grey.
        window: for grey levels; those of more than 8 bits cannot be read without.
        frame: the one to take of a stack, from 0.

    Raises:
        DataError: a DICOM file, and pydicom is not installed.
        ReadingError: it can be read in more than one way; the text says how to choose, or what
            else can be done.
        OSError: it is broken. The text of both begins with the path.
    """
    try:
        with warnings.catch_warnings():
            # Large images that are below what is refused.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return _read(path, size, channels, window, frame)
    except ReadingError as error:
        raise ReadingError(f"{path}: {error}") from error
    except UNREADABLE as error:
        raise OSError(f"{path}: {reason(error)}") from error


def _read(
    path: Path, size: tuple[int, int], channels: int, window: Window | None, frame: int | None
) -> Pixels:
    image = _opened(path)
    if image is None:
        found = read_dicom(path, window, frame)
        if not isinstance(found, Image.Image):
            return resize_levels(found, size, channels)
        return resize(found, size, "RGB" if channels == 3 else "L")
    with image:
        # A camera's MPO is a photograph with previews of itself.
        count = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        if place := chosen_frame(count, frame):
            image.seek(place)
            check_size(*image.size)
        if window is not None:
            return resize_levels(_windowed(image, window), size, channels)
        return resize(image, size, "RGB" if channels == 3 else "L")
