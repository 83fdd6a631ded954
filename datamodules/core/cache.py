"""Decoded images, once per dataset and size, in a mapped file that workers and cells share."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from .errors import DataError

Pixels = NDArray[np.uint8]


def resize(image: Image.Image, size: tuple[int, int], mode: str) -> Pixels:
    """Convert to ``mode`` (``RGB`` or ``L``) and resize to (height, width) -> [H, W, C] uint8."""
    image = image.convert(mode)
    if (image.height, image.width) != size:
        image = image.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


class ImageStore:
    """[N, H, W, C] uint8 images in one file, mapped when first read: workers get its path only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._images: NDArray[np.uint8] | None = None

    @property
    def images(self) -> NDArray[np.uint8]:
        """The memory-mapped array [N, H, W, C]."""
        if self._images is None:
            self._images = np.load(self.path, mmap_mode="r")
        return self._images

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_images": None}


def _write(path: Path, read: Callable[[int], Pixels], shape: tuple[int, ...], title: str) -> None:
    """Read every image into ``path``, which is renamed into place only when all are good."""
    needed, free = int(np.prod(shape)), shutil.disk_usage(path.parent).free
    if needed > free:
        raise DataError(
            f"{title}: the image cache needs {needed / 2**20:.0f} MiB in {path.parent}, "
            f"{free / 2**20:.0f} MiB are free: make space, or point MEDTAIL_CACHE to another disk"
        )
    part = path.with_suffix(f".{os.getpid()}.part")
    bad: list[str] = []
    try:
        images = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
        for row in track(
            range(shape[0]), f"decoding {title}", transient=True, disable=shape[0] < 2000
        ):
            try:
                images[row] = read(row)
            except (OSError, ValueError, SyntaxError) as error:
                bad.append(str(error))
        images.flush()
        del images
        if bad:
            more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
            raise DataError(f"{title}: unreadable image: {bad[0]}{more}; replace or remove it")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def open_store(
    folder: Path,
    title: str,
    key: str,
    shape: tuple[int, int, int, int],
    read: Callable[[int], Pixels],
) -> ImageStore:
    """The store of ``shape`` [N, H, W, C], filled by ``read(row)`` where it is not there yet.

    Args:
        folder: the cache folder (``MEDTAIL_CACHE``).
        title: name of the dataset, for messages and the file's name.
        key: everything that the pixels depend on (source files, their sizes and times, drawing
            version).
        shape: N images of height, width and channels.
        read: row -> [H, W, C] uint8; raises ``OSError`` or ``ValueError`` naming the file it cannot
            read.

    Raises:
        DataError: an image is unreadable, or the disk is too small.
    """
    digest = hashlib.sha256(f"{key}|{shape}".encode()).hexdigest()[:12]
    path = folder / f"{title}-{shape[1]}x{shape[2]}-{digest}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                _write(path, read, shape, title)
    return ImageStore(path)
