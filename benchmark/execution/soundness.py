"""Whether evidence is what it says it is: looked at before anything is trained.

A record is of the cell in whose folder it lies, was computed from the predictions beside it, and
its numbers follow from them. What was found right is not looked at again until a file changes.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from medtail.datamodules.core import derived
from medtail.datamodules.core.errors import MedtailError

from ..evidence import parts, published, record
from ..evidence.predictions import Predictions
from ..evidence.record import Record
from ..grid.cell import Cell, digest
from ..metrics.rescoring import refuted
from ..networks import description
from ..networks.description import DESCRIPTION, WEIGHTS
from .store import RECORD, Store

TEST, VALIDATION = "predictions.parquet", "val.parquet"
Stamps = list[derived.Stamp]


@dataclass(frozen=True)
class Damage:
    """A cell's folder whose result cannot be believed, and why, in a line that names the file."""

    folder: Path
    why: str


def check_evidence(store: Store, cells: Sequence[Cell], console: Console) -> None:
    """Look at the results of cells, own and published.

    Networks that are not those of their records are told: results stand without them.

    Raises:
        MedtailError: a result cannot be believed; says how to go on.
    """
    memory = Memory(store.root / ".checked.json")
    found = list(_damaged(store, {store.folder(c): c for c in cells}, memory))
    _published(store, cells, memory)
    memory.write()
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        here = Path.cwd()
        out = store.root.relative_to(here) if store.root.is_relative_to(here) else store.root
        raise MedtailError(
            f"{found[0].why}{more}: restore it, or 'medtail clean --damaged --yes --out {out}' "
            "sets such results aside, and the same command runs them again"
        )
    for line in filter(None, (of_network(store.folder(cell)) for cell in cells)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def damaged(store: Store) -> list[Damage]:
    """All folders of cells whose result cannot be believed."""
    folders = [p.parent for p in sorted((store.root / "cells").glob(f"*/*/{RECORD}"))]
    return list(_damaged(store, dict.fromkeys(folders), Memory(store.root / ".checked.json")))


def of_network(folder: Path) -> str:
    """Why the network in a cell's folder is not that of its record; empty where it is, or absent.

    Its tensors are read when it is used: they have their checksum.
    """
    if not (folder / DESCRIPTION).exists() and not (folder / WEIGHTS).exists():
        return ""
    try:
        about, found = description.read(folder / DESCRIPTION), record.read(folder / RECORD)
    except MedtailError as error:
        return f"{error}: no network can be used there"
    if found.network in ("", about.digest) and (folder / WEIGHTS).is_file():
        return ""
    return f"{folder / DESCRIPTION}: not the network of the record beside it: it cannot be used"


class Memory:
    """Files that were found right, by the stamps that they had.

    Args:
        path: where that is kept.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.news = path, False
        try:
            self.known: dict[str, Stamps] = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self.known = {}

    def has(self, files: Sequence[Path], name: str = "") -> bool:
        """Whether these were found right as they are now; what for is the first, and ``name``."""
        return self.known.get(_key(files[0], name)) == _stamps(files)

    def add(self, files: Sequence[Path], name: str = "") -> None:
        """They are right."""
        if all(derived.settled(path) for path in files if path.exists()):
            self.known[_key(files[0], name)], self.news = _stamps(files), True

    def write(self) -> None:
        """Keep it, where that can be."""
        if self.news and self.path.parent.is_dir():
            try:
                record.write(self.path, json.dumps(self.known))
            except OSError:
                return


def _key(path: Path, name: str) -> str:
    return digest(f"{path}{name}")  # a path is nobody's business


def _stamps(files: Iterable[Path]) -> Stamps:
    return [derived.stamp_of(path) if path.exists() else [] for path in files]


def _damaged(
    store: Store, folders: "dict[Path, Cell] | dict[Path, None]", memory: Memory
) -> Iterator[Damage]:
    for folder, cell in folders.items():
        files = [folder / name for name in (RECORD, TEST, VALIDATION)]
        if not files[0].exists() or memory.has(files):
            continue
        try:
            found = store.own(cell) if cell else record.read(files[0])
            if found and (why := _wrong(store, folder, found)):
                raise MedtailError(f"{files[0]}: {why}")
        except MedtailError as error:
            yield Damage(folder, str(error).removesuffix("; remove or restore it"))
        else:
            memory.add(files)


def _wrong(store: Store, folder: Path, found: Record) -> str:
    if store.folder(found.cell) != folder:
        return f"the record of another cell, {found.cell}"
    if found.status != "ok":
        return ""
    test = Predictions.read(folder / TEST)
    val = Predictions.read(folder / VALIDATION) if found.validation else None
    return refuted(found, test, val)


def _published(store: Store, cells: Sequence[Cell], memory: Memory) -> None:
    """Raise ``MedtailError`` where published results that cells have are not what they say."""
    root, known = store.published.root, store.published
    by_data: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_data[cell.terms.data].append(cell)
    if root is None:
        return
    for data, mine in by_data.items():
        files = [root / "records" / f"{data}.jsonl"]
        for part in (published.TEST, published.VALIDATION):
            files += parts.files(root / part, data)
        which = digest([cell.id for cell in mine])
        if not files[0].exists() or memory.has(files, which):
            continue
        for cell in mine:
            found = known.record(cell)
            if found is None or found.status != "ok":
                continue
            test = known.predictions(cell)
            if test is None:
                raise MedtailError(
                    f"{root / published.TEST}: has no predictions of {cell}: restore them"
                )
            if why := refuted(found, test, known.predictions(cell, published.VALIDATION)):
                raise MedtailError(f"{files[0]}: {cell}: {why}: restore it")
        memory.add(files, which)
