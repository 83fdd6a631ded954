"""The lock of a folder of leaderboards: who writes into it waits for who does."""

from pathlib import Path

from filelock import FileLock


def locked(root: Path) -> FileLock:
    """A context in which no other process writes evidence or pages into a folder, which is made."""
    root.mkdir(parents=True, exist_ok=True)
    return FileLock(root / ".lock")
