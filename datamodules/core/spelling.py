"""What lies in a folder, found under any spelling of its name."""

import filecmp
import os
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .errors import DataError
from .pixels.folders import FOREIGN

DEPTH = 3  # folders below a dataset's own in which a place is looked for
TABLES = (".csv", ".tab", ".tsv", "")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")


class Entry(NamedTuple):
    """A folder, or a file that may be a table or an archive, ``depth`` folders below the top."""

    depth: int
    path: Path
    folder: bool


def key(name: str) -> str:
    """What all spellings of a name have in common."""
    return re.sub(r"[\s_-]+", "", name.casefold())


def _key(entry: Entry, endings: tuple[str, ...]) -> str:
    """The key of an entry without its ending, where that is one of ``endings``; else empty."""
    if entry.folder:
        return key(entry.path.name)
    return key(entry.path.stem) if entry.path.suffix.lower() in endings else ""


def entries(top: Path, only: Container[str] | None = None) -> Iterator[Entry]:
    """Folders, tables and archives below ``top``, links followed.

    Args:
        top: where to look; nothing where it is no folder.
        only: keys of the folders of ``top`` itself to look into; by default all of them.

    Raises:
        DataError: a folder cannot be listed.
    """
    yield from _entries(top, 0, only)


def _entries(folder: Path, depth: int, only: Container[str] | None) -> Iterator[Entry]:
    try:
        with os.scandir(folder) as listed:
            inside = [(e.name, e.is_dir()) for e in listed]
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror}") from error
    for name, is_folder in inside:
        if name.startswith(".") or name in FOREIGN:
            continue
        if is_folder:
            yield Entry(depth, folder / name, True)
            if depth < DEPTH and (only is None or key(name) in only):
                yield from _entries(folder / name, depth + 1, None)
        elif os.path.splitext(name)[1].lower() in (*TABLES, *ARCHIVES):  # noqa: PTH122  # quick
            yield Entry(depth, folder / name, False)


def find(inside: Iterable[Entry], name: str, endings: tuple[str, ...] = ()) -> list[Path]:
    """Places that a name may mean, the nearest to the top and best spelled first.

    Args:
        inside: what there is.
        name: as the download spells it, a table with its ending.
        endings: those of a file; folders are looked for without.
    """
    stem = key(Path(name).stem if Path(name).suffix.lower() in endings else name)
    hits = [e for e in inside if e.folder is not bool(endings) and _key(e, endings) == stem]
    hits.sort(key=lambda e: (e.depth, e.path.name != name, str(e.path)))
    return [e.path for e in hits]


def table(inside: Sequence[Entry], name: str) -> Path | None:
    """The label file of a name, the nearest to the top.

    Raises:
        DataError: two files lie equally near and differ.
    """
    found = find(inside, name, TABLES)
    near = [p for p in found if len(p.parts) == len(found[0].parts)]
    for other in near[1:]:
        if not filecmp.cmp(near[0], other, shallow=False):
            raise DataError(f"{near[0]} and {other} differ: both may be {name}, keep one")
    return near[0] if near else None


def packed(inside: Iterable[Entry]) -> str:
    """What to say of archives that lie there; empty where none does."""
    found = sorted(e.path for e in inside if not e.folder and e.path.suffix.lower() in ARCHIVES)
    return f"; unpack {', '.join(map(str, found[:3]))}, which lies there" if found else ""


def folders_of(root: Path, names: Sequence[str]) -> list[Path]:
    """Folders in which a dataset's files may lie: those of ``root`` that a name of ``names`` means,
    as spelled, or as it is written where there is none; ``root`` itself for an empty name.
    """
    try:
        there = [Entry(0, p, True) for p in root.iterdir() if p.is_dir()]
    except OSError:
        there = []
    found = []
    for name in names:
        found += (find(there, name) or [root / name]) if name else [root]
    return list(dict.fromkeys(found))
