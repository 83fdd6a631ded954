"""What a disk refuses, in one line, whichever library says it in whatever words."""

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import MedtailError

NUMBER = re.compile(r"\[[Ee]rrno (\d+)\]")  # Arrow's errors have it in their text alone
# PyTorch's and NumPy's words for a file of which a part was written.
IN_PART = re.compile(r"inline_container|PytorchStreamWriter|iostream error|\d+ requested and \d+")
PROBE = 2**20  # bytes
SAID = {
    errno.ENOSPC: ("no space left", "make space"),
    errno.EDQUOT: ("the disk quota is used up", "make space, or ask for more"),
    errno.EFBIG: ("larger than a file may be there", "use another disk, or raise ulimit -f"),
    errno.EROFS: ("the disk is read-only", "name a folder that can be written"),
    errno.EACCES: ("permission denied", "get the right to it, or name another folder"),
    errno.EPERM: ("permission denied", "get the right to it, or name another folder"),
    errno.EIO: ("input/output error", "look after the disk"),
    errno.ESTALE: ("the network disk has lost it", "mount it again"),
    errno.ENOTDIR: ("a file stands where a folder is needed", "move it, or name another folder"),
    errno.EEXIST: ("a file stands where a folder is needed", "move it, or name another folder"),
}
# In the system's words.
OTHERS = (
    errno.ENOENT, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTEMPTY, errno.EBUSY,
    errno.ENODEV, errno.ENXIO, errno.EMFILE, errno.ENFILE, errno.ETXTBSY, errno.EXDEV,
)  # fmt: skip


class DiskError(OSError, MedtailError):
    """What the disk refused: a line with the file, what is wrong, what is kept and what to do."""

    def __str__(self) -> str:
        words, advice = SAID.get(self.errno or 0, (str(self.strerror).lower(), "mend it"))
        where = f"{os.fsdecode(self.filename)}: " if self.filename else ""
        kept = "what is there is kept, and the same command goes on"
        return f"{where}{words} ({kept}): {advice}"


def refusal(error: BaseException, path: Path | None = None) -> DiskError | None:
    """What the disk refused, where an error says so; None for any other error.

    Args:
        error: of any library.
        path: the file that was written, if nothing else is said.
    """
    if isinstance(error, DiskError):
        return error
    number = _number(error)
    if number not in SAID and number not in OTHERS:
        return None
    place = getattr(error, "filename", None)
    if path is not None and (os.fsdecode(place).endswith(".part") if place else number in SAID):
        place = str(path)
    return DiskError(number, os.strerror(number), place)


def words(error: OSError) -> str:
    """What was refused, as a clause."""
    number = _number(error)
    return SAID[number][0] if number in SAID else " ".join(str(error).split())


def _number(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno:
        return error.errno
    if isinstance(error, OSError | RuntimeError):
        if found := NUMBER.search(str(error)):
            return int(found[1])
        if IN_PART.search(str(error)):
            below = error.__cause__ or error.__context__
            return (_number(below) if below else None) or errno.EIO
    return None


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Within, ``path`` is written, and what the disk refuses is a ``DiskError`` that names it."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        found = refusal(error, path)
        if found is None:
            raise
        if found.errno == errno.EIO and (why := _asked(path.parent)):
            found = DiskError(why, os.strerror(why), found.filename)
        raise found from error


def _asked(folder: Path) -> int | None:
    """Why a folder takes no more, where a library does not say it."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE))
            probe.flush()
    except OSError as error:
        return error.errno
    return None
