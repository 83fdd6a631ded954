"""Whether what a run is about to write can be written, tried and reckoned before any training."""

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from rich.console import Console

from medtail.datamodules.core.base import ImageDataModule, cache_root
from medtail.datamodules.core.disk import SAID, refusal
from medtail.datamodules.core.errors import MedtailError

from ..features.store import CachedFeatures
from ..grid.cell import Cell
from ..tracks import supervised
from .packing import cores
from .store import Store
from .worker import prepared

OF_A_ROW = 100  # bytes of an id, a group and a label
OF_A_CELL = 2**16  # of a record, a traceback, notes
UNDER_WAY = 4  # copies of a network in a checkpoint: weights, two moments, the best epoch's


def check_room(
    cells: Sequence[Cell], store: Store, folders: Sequence[Path], keep: str, console: Console
) -> None:
    """Try every folder, and print what is needed and free.

    Args:
        cells: to run.
        store: of their results.
        folders: that are written, too, such as the leaderboards'.
        keep: which networks stay.
        console: to print to.

    Raises:
        MedtailError: a folder cannot be written, or there is too little room.
    """
    if not cells:
        return
    below = [path for path in store.root.glob("*") if path.is_dir()]
    for folder in (store.root, *below, cache_root(), *folders):
        try_to_write(folder)
    runs, features = of_cells(cells, keep), of_features(cells)
    parts = [(runs, store.root, f"results of {len(cells)} cells")]
    parts += [(features, cache_root(), "features")] if features else []
    on_disk: dict[int, int] = {}
    for size, folder, _ in parts:
        disk = folder.stat().st_dev
        on_disk[disk] = on_disk.get(disk, 0) + size
    told = "; ".join(
        f"about {words(size)} for {what}, {words(_free(folder))} are free"
        for size, folder, what in parts
    )
    for _, folder, _ in parts:
        if on_disk[folder.stat().st_dev] > _free(folder):
            raise MedtailError(
                f"no space in {folder}: {told}; nothing was trained: make space (medtail clean "
                "lists what can go), or use --out, --keep none or MEDTAIL_CACHE"
            )
    console.print(f"room: {told}", markup=False, highlight=False)


def try_to_write(folder: Path) -> None:
    """Raise ``MedtailError`` where a folder cannot be made or takes no file."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"medtail")
    except OSError as error:
        found = refusal(error, folder)
        said, advice = SAID.get(found.errno or 0, ("", "")) if found else ("", "")
        raise MedtailError(
            f"{folder} cannot be written: {said or error.strerror}; nothing was trained: "
            f"{advice or 'name another folder'}"
        ) from error


def of_cells(cells: Iterable[Cell], keep: str) -> int:
    """Bytes of the results of cells, about: predictions, networks, shared stages, checkpoints."""
    total, largest = 0, 0
    kept, shared = set[str](), set[tuple[object, int]]()
    weights = dict[object, int]()
    for cell in cells:
        data, table = prepared(cell.terms), cell.terms.table
        if table not in weights:
            method = supervised.make(cell.method, cell.params, cell.terms, 0, data)
            state = method.state_dict().values()
            weights[table] = sum(t.numel() * t.element_size() for t in state)
        size = weights[table]
        largest = max(largest, size)
        total += OF_A_CELL + of_predictions(cell, data)
        row = cell.id if keep == "all" else cell.model_copy(update={"seed": 0, "terms": table}).id
        if keep != "none" and row not in kept:
            kept.add(row)
            total += size
        if (cell.terms, cell.seed) not in shared:
            shared.add((cell.terms, cell.seed))
            total += size
    return total + UNDER_WAY * cores() * largest


def of_predictions(cell: Cell, data: ImageDataModule) -> int:
    """Bytes of a cell's predictions of test and validation, without what compression saves."""
    rows = sum(len(data.rows(split)) for split in ("val", "test"))
    if shape := data.spec.episodes:
        each = len(data.rows("test")) if data.plan.rest else shape.n_way * shape.n_query
        rows = cell.terms.test_episodes * each
    return rows * (2 * max(2, len(data.spec.class_names)) + OF_A_ROW)


def of_features(cells: Iterable[Cell]) -> int:
    """Bytes of the features that are not there yet."""
    needed = dict[Path, int]()
    for terms in dict.fromkeys(cell.terms for cell in cells):
        if terms.budget.tune == "frozen":
            stood = cast("CachedFeatures | None", prepared(terms).features)
            if stood is not None and not stood.is_there():
                needed[stood.path] = int(np.prod(stood.shape)) * stood.kind.itemsize
    return sum(needed.values())


def words(size: float) -> str:
    """Bytes as ``12 MiB`` or ``3.4 GiB``."""
    mib = size / 2**20
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB" if mib >= 1 else "1 MiB"


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free
