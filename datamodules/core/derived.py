"""Files that can be made again: each has a note beside it, of what it was made and its checksum.

None is believed without both. One that is damaged, cut off or of something else is set aside, which
is said, and made anew.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from . import writing
from .disk import named

LOG = logging.getLogger("medtail")
ABSENT = "not there"
SETTLED = 2.0  # seconds after which another change of a file has another time
Stamp = list[int]  # of a file, see ``stamp_of``
_seen: dict[Path, Stamp] = {}


def checksum(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def note_of(path: Path) -> Path:
    """What a file holds, its checksum, and which state of it was last found to be right."""
    return path.with_suffix(".json")


def ensure(path: Path, what: dict[str, Any], make: Callable[[Path], None]) -> bool:
    """Have a file as it was made; one process makes it where it is not, the others wait.

    Args:
        path: of the file.
        what: all that it depends on, as JSON has it.
        make: writes it to the path that it is given.

    Returns:
        Whether it was made now.

    Raises:
        OSError: the disk refuses.
    """
    if not wrong(path, what):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if why := wrong(path, what):
            set_aside(path, why)
            part = writing.part_of(path)
            try:
                with named(path):
                    make(part)
                    keep(path, part, what)
            finally:
                part.unlink(missing_ok=True)
            return True
    return False


def wrong(path: Path, what: dict[str, Any]) -> str:
    """Why a file cannot be believed to be what was made of ``what``; empty where it can.

    A file is read once: afterwards its note says which size and times it had.
    """
    if not path.exists():
        return ABSENT
    try:
        note = json.loads(note_of(path).read_text(encoding="utf-8"))
        if note["what"] != what:
            return "of something else"
        stamp = stamp_of(path)
        if stamp in (note.get("seen"), _seen.get(path)):
            return ""
        if checksum(path) not in (note["sha256"], note.get("before")):
            return "damaged"
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "nothing says what it is"
    _note_seen(path, note, stamp)
    return ""


def keep(path: Path, part: Path, what: dict[str, Any]) -> None:
    """Put a file that is written in its place, with its note.

    Killed in between, the file that is there still has its checksum in the note.
    """
    before = {} if wrong(path, what) else {"before": checksum(path)}
    _write(note_of(path), {"what": what, "sha256": checksum(part)} | before)
    part.replace(path)


def content_of(path: Path) -> str:
    """The checksum in a file's note, of a file that was found to be right."""
    return str(json.loads(note_of(path).read_text(encoding="utf-8"))["sha256"])


def set_aside(path: Path, why: str) -> None:
    """Move a file away that cannot be believed, and say so."""
    if why == ABSENT:
        return
    aside = path.with_suffix(".damaged")
    writing.remove(aside)
    path.replace(aside)
    LOG.warning("%s: %s: set aside as %s, made anew", path, why, aside.name)


def stamp_of(path: Path) -> Stamp:
    """What changes with a file: its size and times, one of which cannot be set by anybody."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def settled(path: Path) -> bool:
    """Whether a change of a file right now would change its stamp."""
    return time.time() - path.stat().st_ctime >= SETTLED


class _Into(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text."""
        self.lines.append(record.getMessage())


@contextmanager
def collected() -> Iterator[list[str]]:
    """Within, what is said goes into a list and to nobody else."""
    lines: list[str] = []
    handler = _Into(lines)
    before = LOG.propagate
    LOG.addHandler(handler)
    LOG.propagate = False
    try:
        yield lines
    finally:
        LOG.removeHandler(handler)
        LOG.propagate = before


def _note_seen(path: Path, note: dict[str, Any], stamp: Stamp) -> None:
    """Remember a right file; not where a change right now could have the same time."""
    if not settled(path):
        return
    _seen[path] = stamp
    try:
        _write(note_of(path), note | {"seen": stamp})
    except OSError:  # a cache that cannot be written: every process reads the file once
        return


def _write(path: Path, note: dict[str, Any]) -> None:
    with writing.whole(path) as part:
        part.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
