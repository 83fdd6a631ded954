"""NumPy archives read image by image, as one of 224 px images is many GiB."""

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .. import derived
from ..errors import DataError
from .cache import UNREADABLE, Pixels, cache_errors, reason
from .limits import check_size


def load_arrays(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """The arrays ``names`` of an archive; raises ``DataError`` where it is broken or lacks one."""
    try:
        archive = np.load(path)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds one array only")
        with archive:
            return {name: archive[name] for name in names}
    except UNREADABLE as error:
        raise DataError(
            f"{path}: broken, or no npz with {', '.join(names)}: {reason(error)}"
        ) from error


def _described(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in Fortran's order, and type of the array whose data follow."""
    version = np.lib.format.read_magic(member)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    found: tuple[tuple[int, ...], bool, np.dtype[Any]] = read(member)
    return found


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each array of an archive, in its order, none of them read.

    Raises:
        DataError: it is broken, or no npz.
    """
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".npy"):
                    with archive.open(name) as member:
                        found[name.removesuffix(".npy")] = _described(member)[0]
    except UNREADABLE as error:
        raise DataError(f"{path}: broken, or no npz: {reason(error)}") from error
    return found


def _header(member: IO[bytes]) -> tuple[int, ...]:
    """Shape of the uint8 array whose data follow."""
    shape, fortran, dtype = _described(member)
    if fortran or dtype != np.uint8:
        raise ValueError(f"{dtype} images, where uint8 in C order is expected")
    return tuple(shape)


def stream_images(path: Path, members: tuple[str, ...]) -> Iterator[Pixels]:
    """The images [H, W] or [H, W, C] of the arrays ``members`` [N, ...], one after another.

    Raises:
        OSError: the archive is broken, or lacks an array.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name in members:
                with archive.open(f"{name}.npy") as member:
                    amount, *shape = _header(member)
                    if len(shape) not in (2, 3):
                        raise ValueError(f"{name} of shape {(amount, *shape)} is no list of images")
                    if len(shape) == 3 and not {shape[0], shape[2]} & {1, 3, 4}:
                        raise ValueError(
                            f"{name} of shape {(amount, *shape)}: an image has 1, 3 or 4 channels, "
                            "volumes are not read"
                        )
                    check_size(shape[1], shape[0])
                    size = int(np.prod(shape))
                    for _ in range(amount):
                        data = member.read(size)
                        if len(data) != size:
                            raise EOFError(f"{name} ends too early")
                        yield np.frombuffer(data, np.uint8).reshape(shape)
    except UNREADABLE as error:
        raise OSError(f"{path}: {reason(error)}") from error


def md5(path: Path, memory: Path) -> str:
    """MD5 of a file, remembered in the folder ``memory`` until the file's size or time changes."""
    stamp = path.stat()
    kept = memory / f"{path.name}-{stamp.st_size}-{stamp.st_mtime_ns}.md5"

    def make(part: Path) -> None:
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "md5").hexdigest()
        except OSError as error:
            raise DataError(f"{path}: {error}") from error
        part.write_text(digest, encoding="utf-8")

    with cache_errors(memory):
        derived.ensure(kept, {"md5 of": kept.stem}, make)
    return kept.read_text(encoding="utf-8")
