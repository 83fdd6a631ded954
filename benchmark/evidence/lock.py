"""The lock of a folder of leaderboards: who writes into it waits for who does."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOG = logging.getLogger("medtail")
SILENT = 3  # seconds


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Let no other process write evidence or pages into a folder, which is made; long waits say so.

    It ends when the other process does, however that ends.
    """
    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / ".lock")
    try:
        lock.acquire(timeout=SILENT)
    except Timeout:
        LOG.warning("%s: another medtail writes into it; waiting until it is done", root)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
