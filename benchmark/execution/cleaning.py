"""What can be removed of a folder of results and of the cache, without losing a result."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from medtail import methods
from medtail.datamodules.core import derived, writing
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.source import cache_root

from ..features.store import VERSION
from ..networks import keeping
from ..networks.description import DESCRIPTION, WEIGHTS
from ..tracks import code
from . import soundness
from .store import DEPTH, Store

Kind = Literal["networks", "stages", "features", "superseded", "logs", "leftovers"]
KINDS: tuple[Kind, ...] = get_args(Kind)
STAGE = re.compile(r"[\w-]+-[0-9a-f]{16}\.pt")  # all else in stages/ is not ours
ORPHAN = " (nothing will use it)"


@dataclass(frozen=True)
class Part:
    """Something that can be removed without losing a result.

    Attributes:
        kind: what it is.
        name: shown.
        paths: its files and folders.
        orphan: whether no result, no code and no data of now will use it.
    """

    kind: Kind
    name: str
    paths: tuple[Path, ...]
    orphan: bool = False

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(map(size_of, self.paths))


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; of one that is gone, none."""
    try:
        if path.is_dir() and not path.is_symlink():
            return sum(size_of(inside) for inside in path.iterdir())
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def removable(
    store: Store, kinds: tuple[Kind, ...], keep: str, orphans: bool = False
) -> list[Part]:
    """What can go.

    Args:
        store: the folder of results.
        kinds: of what.
        keep: of networks: ``best`` spares those that are best on validation of their row, ``none``
            spares none.
        orphans: only what nothing will use.

    Raises:
        MedtailError: another word than these.
    """
    if keep not in ("best", "none"):
        raise MedtailError(f"--keep {keep}: write best or none")
    find: dict[Kind, Callable[[], Iterator[Part]]] = {
        "networks": lambda: _networks(store, keep),
        "stages": lambda: _stages(store),
        "features": _features,
        "superseded": lambda: _every(store, "superseded", "*/*"),
        "logs": lambda: _every(store, "logs", "*", "slurm/logs"),
        "leftovers": lambda: _leftovers(store),
    }
    found = (part for kind in kinds for part in find[kind]())
    return [part for part in found if part.orphan or not orphans]


def left_over(store: Store) -> list[Part]:
    """What dead processes have left, in the cache and the usual folder of boards, too."""
    folders = {store.root: DEPTH, cache_root(): 0, Path("leaderboards"): 2}
    places = {path.resolve() for f, depth in folders.items() for path in writing.left_in(f, depth)}
    return [Part("leftovers", path.name, (path,), True) for path in sorted(places)]


def remove(parts: list[Part]) -> None:
    """Remove them, the description of a network first."""
    for path in (path for part in parts for path in part.paths):
        writing.remove(path)


def listing(parts: list[Part]) -> Iterator[str]:
    """A line for each part, the largest first, and one for each kind."""
    for part in sorted(parts, key=lambda part: -part.size):
        yield f"{amount(part.size):>10}  {part.kind}  {part.name}{ORPHAN if part.orphan else ''}"
    for kind in KINDS:
        mine = [part.size for part in parts if part.kind == kind]
        if mine:
            yield f"{amount(sum(mine)):>10}  {kind}, {len(mine)} in all"
    if not parts:
        yield "there is nothing to remove"


def amount(size: int) -> str:
    """Bytes as MiB or GiB."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"


def _networks(store: Store, keep: str) -> Iterator[Part]:
    every = keeping.networks_below(store.root / "cells")
    folders = [p.parent for p in sorted((store.root / "cells").rglob(WEIGHTS))]
    lost = [f for f in dict.fromkeys([*every, *folders]) if soundness.of_network(f)]
    worse = keeping.second_best({f: a for f, a in every.items() if f not in lost})
    gone = worse if keep == "best" else [f for f in every if f not in lost]
    for folder in (*gone, *lost):
        paths = [folder / name for name in (DESCRIPTION, WEIGHTS)]
        name = str(every.get(folder, folder.name))
        yield Part("networks", name, tuple(p for p in paths if p.exists()), folder in lost)
    for folder in store.of_cells("handed"):  # no driver is there to take it
        yield Part("networks", f"handed over, {folder.name}", (folder,), True)


def _stages(store: Store) -> Iterator[Part]:
    root = store.root / "stages"
    for path in filter(lambda path: STAGE.fullmatch(path.name), sorted(root.glob("*.pt"))):
        paths = tuple(p for p in (path, derived.note_of(path)) if p.exists())
        yield Part("stages", path.name, paths, _of_other_code(path))
    for path in sorted(root.glob("under_way/*")):
        yield Part("stages", f"under way, {path.name}", (path,))


def _note(path: Path) -> dict[str, Any]:
    """What a file was made of; nothing where that is not known."""
    try:
        return dict(json.loads(derived.note_of(path).read_text(encoding="utf-8"))["what"])
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _of_other_code(path: Path) -> bool:
    slug = path.stem.rpartition("-")[0]
    now = [code.shared_digest(), *([code.digest_of((slug,))] if slug in methods.names() else [])]
    return bool(_note(path).get("code", [])[: len(now)] != now)


def _features() -> Iterator[Part]:
    """Of the cache: those of a table, and what a stopped run has of them."""
    for path in sorted(cache_root().glob("*-features-*.npy")):
        lost = _note(path).get("version") != VERSION
        yield Part("features", path.name, (path, derived.note_of(path)), lost)
    for path in sorted(cache_root().glob("*-features-*.part")):
        yield Part("features", path.name, (path, path.with_suffix(".rows")))


def _every(store: Store, kind: Kind, glob: str, folder: str = "") -> Iterator[Part]:
    if kind == "logs" and any((store.root / "slurm" / "wanted").glob("*")):
        return  # of jobs that wait or run
    for path in sorted((store.root / (folder or kind)).glob(glob)):
        yield Part(kind, "/".join(path.parts[-2:]), (path,))


def _leftovers(store: Store) -> Iterator[Part]:
    """What dead processes left, and what was set aside as damaged."""
    yield from left_over(store)
    for folder in (store.root / "stages", cache_root(), Path("leaderboards/statistics")):
        for path in sorted(folder.rglob("*.damaged")):
            yield Part("leftovers", path.name, (path,), True)
