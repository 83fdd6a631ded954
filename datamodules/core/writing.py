"""Files that are written whole or not at all, and what writers that died have left behind.

A file that is being written has a hidden name beside its own, ``.NAME.MACHINE-PID.part``; folders
for the time of a training are named alike. The process in the name says whether it still is at it.
"""

import os
import platform
import re
import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .disk import named

WRITER = r"(?P<machine>[0-9a-f]{8})-(?P<number>\d+)"
FILE, FOLDER = re.compile(rf"\..+\.{WRITER}\.part"), re.compile(rf"\.(fit|round)-{WRITER}-.+")
OLDER = re.compile(r"\..+\.part|.+\.\d+\.part(\.npy)?|\.(fit|round)-\w+")  # of medtail up to 0.1
FORGOTTEN = 30 * 86400.0  # seconds without a change after which nobody on any machine is at it


def writer() -> str:
    """This process in a file's name: its machine, as 8 hex digits, and its number there."""
    return f"{zlib.crc32(platform.node().encode()):08x}-{os.getpid()}"


def part_of(path: Path) -> Path:
    """Where this process writes what is to become ``path``."""
    return path.with_name(f".{path.name}.{writer()}.part")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file to be written, which becomes ``path`` at the end; an error leaves what is there.

    Raises:
        DiskError: the disk refuses it.
    """
    part = part_of(path)
    try:
        with named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def left_in(folder: Path, depth: int) -> Iterator[Path]:
    """What dead processes have left in a folder, down to ``depth`` folders below it.

    Of processes of other machines, of which nobody here knows whether they live, it is what has not
    changed for a month.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # absent, or not ours to read
        return
    for entry in entries:
        path = Path(entry.path)
        if _is_left(path):
            yield path
        elif depth and entry.is_dir(follow_symlinks=False):
            yield from left_in(path, depth - 1)


def remove(path: Path) -> None:
    """Remove a file or a folder, which may be gone by now."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_left(path: Path) -> bool:
    found = FILE.fullmatch(path.name) or FOLDER.fullmatch(path.name)
    if found and writer().startswith(f"{found['machine']}-"):
        return not _lives(int(found["number"]))
    if found or OLDER.fullmatch(path.name):
        try:
            return time.time() - path.lstat().st_mtime > FORGOTTEN
        except OSError:  # gone
            return False
    return False


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True
