"""What can be removed of a folder of results: networks, and stages that cells share."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medtail.datamodules.core.errors import MedtailError

from ..networks import keeping
from ..networks.description import DESCRIPTION, WEIGHTS
from .store import Store

Kind = Literal["networks", "stages"]
KINDS: tuple[Kind, ...] = ("networks", "stages")


@dataclass(frozen=True)
class Part:
    """Something that can be removed without losing a result.

    Attributes:
        kind: what it is.
        name: shown.
        paths: its files and folders.
        size: bytes.
    """

    kind: Kind
    name: str
    paths: tuple[Path, ...]
    size: int


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_dir() and not path.is_symlink():
        return sum(size_of(inside) for inside in path.iterdir())
    return path.lstat().st_size


def removable(store: Store, kinds: tuple[Kind, ...], keep: str) -> list[Part]:
    """What can go.

    Args:
        store: the folder of results.
        kinds: of what.
        keep: of networks: ``best`` spares those that are best on validation of their row, ``none``
            spares none.

    Raises:
        MedtailError: another word than these.
    """
    if keep not in ("best", "none"):
        raise MedtailError(f"--keep {keep}: write best or none")
    found: list[Part] = []
    if "networks" in kinds:
        every = keeping.networks_below(store.root / "cells")
        for folder in keeping.second_best(every) if keep == "best" else every:
            paths = tuple(folder / name for name in (DESCRIPTION, WEIGHTS))
            there = tuple(path for path in paths if path.exists())
            found.append(Part("networks", str(every[folder]), there, sum(map(size_of, there))))
    if "stages" in kinds:
        stages = [p for p in (store.root / "stages").glob("*") if p.suffix != ".lock"]
        found += [Part("stages", p.name, (p,), size_of(p)) for p in sorted(stages)]
    return found


def remove(parts: list[Part]) -> None:
    """Remove them, the description of a network first."""
    for path in (path for part in parts for path in part.paths):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def listing(parts: list[Part]) -> Iterator[str]:
    """A line for each part, the largest first, and one for each kind."""
    for part in sorted(parts, key=lambda part: -part.size):
        yield f"{amount(part.size):>10}  {part.kind}  {part.name}"
    for kind in KINDS:
        mine = [part.size for part in parts if part.kind == kind]
        if mine:
            yield f"{amount(sum(mine)):>10}  {kind}, {len(mine)} in all"
    if not parts:
        yield "there is nothing to remove"


def amount(size: int) -> str:
    """Bytes as MiB or GiB."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
