"""Decoded images, once per dataset and size, in a mapped file that workers and cells share."""

import errno
import hashlib
import mmap
import os
import shutil
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from .. import derived
from ..disk import words
from ..errors import DataError

Pixels = NDArray[np.uint8]
DECODER_VERSION = 2  # part of every key: raise it when ``read_image`` gives other pixels


class ReadingError(DataError):
    """An image that has more than one meaning, or needs something else: the text says what."""


# What Pillow, NumPy and zipfile raise over broken files (RuntimeError: a bit says "encrypted").
UNREADABLE = (
    OSError, ValueError, SyntaxError, LookupError, ArithmeticError, EOFError, RuntimeError,
    struct.error, zlib.error, zipfile.BadZipFile, Image.DecompressionBombError, ReadingError,
)  # fmt: skip


def reason(error: BaseException) -> str:
    """The text of an error on one line; its kind where it says nothing else."""
    text = str(error) if not isinstance(error, KeyError) else f"no {error}"
    return " ".join(text.split()) or type(error).__name__


RESIDENT = 2**25  # bytes of the map that a process keeps before it lets them go


def drop_pages(images: NDArray[np.uint8]) -> None:
    """Take a mapped file's pages off this process's memory; what was written stays in the file."""
    mapped: mmap.mmap | None = getattr(images, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


class ImageStore:
    """[N, H, W, C] uint8 images in one file, mapped when first read: workers get its path only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._images: NDArray[np.uint8] | None = None
        self._touched = 0

    @property
    def images(self) -> NDArray[np.uint8]:
        """The memory-mapped array [N, H, W, C]."""
        if self._images is None:
            self._images = np.load(self.path, mmap_mode="r")
        return self._images

    def let_go(self, amount: int) -> None:
        """Count ``amount`` images read; now and then take their pages off this process's memory.

        They stay in the system's page cache, which all workers share.
        """
        self._touched += amount * self.images[0].nbytes
        if self._touched > RESIDENT:
            drop_pages(self.images)
            self._touched = 0

    def __iter__(self) -> Iterator[Pixels]:
        """Every image [H, W, C], in order."""
        for image in self.images:
            yield image
            self.let_go(1)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_images": None, "_touched": 0}


@contextmanager
def cache_errors(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses while the cache is written into a ``DataError``."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot write the image cache in {folder}: {words(error)}: make space, or point "
            "MEDTAIL_CACHE to another disk"
        ) from error


def _reserve(part: Path) -> None:
    """Give a sparse file its blocks: on a full disk an error here, no SIGBUS at a later write."""
    if hasattr(os, "posix_fallocate"):
        with part.open("r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, part.stat().st_size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # not on this file system
                    raise


def _write(part: Path, read: Callable[[int], Pixels], shape: tuple[int, ...], title: str) -> None:
    """Read every image into ``part``; it is of no use before all are good."""
    needed, free = int(np.prod(shape)), shutil.disk_usage(part.parent).free
    if needed > free:
        raise DataError(
            f"{title}: the image cache needs {needed / 2**20:.0f} MiB in {part.parent}, "
            f"{free / 2**20:.0f} MiB are free: make space, or point MEDTAIL_CACHE to another disk"
        )
    bad: list[BaseException] = []
    images = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
    _reserve(part)
    for row in track(range(shape[0]), f"decoding {title}", transient=True, disable=shape[0] < 2000):
        try:
            images[row] = read(row)
        except UNREADABLE as error:
            bad.append(error)
        if (row + 1) % max(1, RESIDENT // images[0].nbytes) == 0:
            images.flush()
            drop_pages(images)
    images.flush()
    if bad:
        text = reason(bad[0]) + (f" (and {len(bad) - 1} more)" if len(bad) > 1 else "")
        if isinstance(bad[0], ReadingError):
            raise DataError(f"{title}: {text}")
        raise DataError(f"{title}: unreadable image: {text}; replace or remove it")


def _made_of(key: str, shape: tuple[int, int, int, int]) -> dict[str, Any]:
    text = f"decoder {DECODER_VERSION}|{key}|{shape}"
    return {"pixels": hashlib.sha256(text.encode()).hexdigest(), "shape": list(shape)}


def store_path(folder: Path, title: str, key: str, shape: tuple[int, int, int, int]) -> Path:
    """Where the store of these pixels lies, see ``open_store``."""
    digest = _made_of(key, shape)["pixels"][:12]
    return folder / f"{title}-{shape[1]}x{shape[2]}-{digest}.npy"


def is_stored(folder: Path, title: str, key: str, shape: tuple[int, int, int, int]) -> bool:
    """Whether ``open_store`` would read no image."""
    return not derived.wrong(store_path(folder, title, key, shape), _made_of(key, shape))


def open_store(
    folder: Path,
    title: str,
    key: str,
    shape: tuple[int, int, int, int],
    read: Callable[[int], Pixels],
) -> ImageStore:
    """The store of ``shape`` [N, H, W, C], filled by ``read(row)`` where it is not there yet.

    One that is damaged, or of other pixels, is set aside and filled anew.

    Args:
        folder: the cache folder (``MEDTAIL_CACHE``).
        title: name of the dataset, for messages and the file's name.
        key: everything that the pixels depend on (source files, their sizes and times, drawing
            version).
        shape: N images of height, width and channels.
        read: row -> [H, W, C] uint8; raises one of ``UNREADABLE`` naming the file it cannot read.

    Raises:
        DataError: an image is unreadable, the disk is too small, or refuses to be written.
    """
    path = store_path(folder, title, key, shape)
    with cache_errors(folder), warnings.catch_warnings():
        # Large images that are below what Pillow refuses.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        derived.ensure(path, _made_of(key, shape), lambda part: _write(part, read, shape, title))
    return ImageStore(path)
