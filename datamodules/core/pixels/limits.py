"""How large an image may be that is decoded: a small file can stand for more than memory holds."""

from pathlib import Path
from typing import IO

from PIL import Image

from .cache import ReadingError

LARGEST = 200_000_000  # pixels
Image.MAX_IMAGE_PIXELS = LARGEST // 2  # of any frame Pillow refuses twice as many


def check_size(width: int, height: int) -> None:
    """Raise ``ReadingError`` for an image that is too large to be decoded."""
    if width * height > LARGEST:
        raise ReadingError(
            f"{width} x {height} pixels, more than the {LARGEST // 10**6} million that are "
            "decoded: make it smaller first"
        )


def open_image(source: Path | IO[bytes]) -> Image.Image:
    """An image, not yet decoded.

    Raises:
        ReadingError: it is too large.
        UnidentifiedImageError: it is of no kind that Pillow knows.
    """
    try:
        image = Image.open(source)
    except Image.DecompressionBombError:
        # Pillow has read its size, and keeps it to itself.
        raise ReadingError(
            f"more than the {LARGEST // 10**6} million pixels that are decoded: make it smaller "
            "first"
        ) from None
    try:
        check_size(*image.size)
    except ReadingError:
        image.close()
        raise
    return image
