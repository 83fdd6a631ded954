"""The folder of a checkout's results: one folder per cell, its record renamed into place last."""

import fcntl
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from medtail.datamodules.core import writing
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.source import cache_root

from ..evidence import record
from ..evidence.predictions import Predictions
from ..evidence.published import VALIDATION, Published
from ..evidence.record import Record
from ..grid.cell import Cell
from ..networks import keeping
from ..tracks import folds
from ..tracks.folds import Result
from . import contents
from .job import Job, Outcome

NEEDED_MIB = 200
RECORD = "record.json"
DEPTH = 4  # of folders below that of results: cells/DATA/ROW/FILE
IDENTITY = re.compile(r"[0-9a-f]{16}")  # of a cell
LONGEST = 150  # bytes of a row in the name of a folder


class Store:
    """``runs/``: cells, shared stages, progress notes.

    Args:
        root: the folder.
        published: a folder of leaderboards whose results count as done, too.
    """

    def __init__(self, root: Path, published: Path | None = None) -> None:
        self.root = root.resolve()
        self.published = Published(published)

    def folder(self, cell: Cell) -> Path:
        """Where a cell's files lie."""
        row = "".join(c if c.isalnum() or c in "_-" else "-" for c in cell.row).strip("-")
        row = row.encode()[:LONGEST].decode(errors="ignore")  # a file's name has an end
        return self.root / "cells" / cell.terms.data / f"{row}-s{cell.seed}-{cell.id[:8]}"

    def own(self, cell: Cell) -> Record | None:
        """The cell's record in this folder.

        Raises:
            MedtailError: what lies there is no record, or that of another cell.
        """
        path = self.folder(cell) / RECORD
        found = record.read(path) if path.exists() else None
        if found and found.cell_id != cell.id:
            raise MedtailError(f"{path}: the record of another cell, {found.cell}")
        return found

    def read(self, cell: Cell) -> Record | None:
        """The cell's record: that of this folder, or a published one that still stands."""
        own = self.own(cell)
        if own is None or own.status == "failed" or contents.changed(own, cell):
            known = self.published.record(cell)
            if known and known.status == "ok" and not contents.changed(known, cell):
                return known
        return own

    def changed(self, cell: Cell) -> str:
        """What makes the cell's good record one of other data or code; empty where it stands."""
        found = self.read(cell)
        good = found is not None and found.status == "ok"
        return contents.changed(found, cell) if found and good else ""

    def done(self, cell: Cell) -> bool:
        """Whether the cell has a record of success, of the data and the method as they are now."""
        found = self.read(cell)
        return found is not None and found.status == "ok" and not self.changed(cell)

    def predictions(self, cell: Cell) -> Predictions:
        """The test predictions of a finished cell."""
        known = self.published.predictions(cell) if self._is_published(cell) else None
        return known or Predictions.read(self.folder(cell) / "predictions.parquet")

    def validation(self, cell: Cell) -> Predictions | None:
        """Its predictions of the validation split, where its track has them."""
        if self._is_published(cell):
            return self.published.predictions(cell, VALIDATION)
        path = self.folder(cell) / "val.parquet"
        return Predictions.read(path) if path.exists() else None

    def _is_published(self, cell: Cell) -> bool:
        known = self.published.record(cell)
        return known is not None and known == self.read(cell)

    def write(self, outcome: Outcome) -> None:
        """Keep an outcome, the record last. A failure never replaces a success.

        What lies there and cannot be believed is moved aside, as a good result is.

        Raises:
            MedtailError: the outcome could not be read back; what is there stays.
        """
        cell, text = outcome.record.cell, record.text_of(outcome.record, indent=1)
        folder = self.folder(cell)
        try:
            old = self.own(cell)
            if outcome.record.status == "failed" and self.done(cell):
                return
            stays = old is None or old.status == "failed"
        except MedtailError:
            stays = False
        if not stays:
            self.set_aside(folder)
        if outcome.record.status == "failed":
            record.write(folder / "traceback.txt", outcome.traceback)
        if outcome.val is not None:
            outcome.val.write(folder / "val.parquet")
        if outcome.test is not None:
            outcome.test.write(folder / "predictions.parquet")
            (folder / "traceback.txt").unlink(missing_ok=True)
            keeping.take(self.handed(cell), folder)
        record.write(folder / RECORD, text)

    def set_aside(self, folder: Path) -> Path:
        """Move a cell's folder out of the way of a new result: nothing computed is lost."""
        aside = self.root / "superseded" / folder.parent.name
        aside.mkdir(parents=True, exist_ok=True)
        places = (aside / f"{folder.name}-{number}" for number in count())
        return folder.rename(next(place for place in places if not place.exists()))

    def finished(self, cells: Sequence[Cell]) -> list[Result]:
        """Records of the cells that failed, or whose result stands, with their predictions."""
        found = [(cell, self.read(cell)) for cell in cells if not self.changed(cell)]
        return [(r, self.predictions(c) if r.status == "ok" else None) for c, r in found if r]

    def evidence(self, cells: Sequence[Cell]) -> tuple[list[Result], dict[str, Predictions]]:
        """What boards are made from: ``finished``, and folds that are all there as one more result.

        The second are predictions of validation by cell id.
        """
        each = self.finished(cells)
        good = [record.cell for record, _ in each if record.status == "ok"]
        held = {c.id: found for c in good if (found := self.validation(c))}
        together, more = folds.pooled(each, held)
        return each + together, held | more

    def handed(self, cell: Cell) -> Path:
        """Where a worker leaves the trained network of a cell."""
        return self.root / "handed" / cell.id

    def job(self, cell: Cell, devices: int, keep: bool = True, limit: float | None = None) -> Job:
        """The job that fills a cell's folder, with or without its network, in so many seconds."""
        stages, progress = self.root / "stages", self.root / "progress" / cell.id
        return Job(cell, stages, progress, devices, self.handed(cell) if keep else None, limit)

    def weed(self, cell: Cell) -> None:
        """Of the networks of a cell's row keep the one of the seed that is best on validation."""
        found = keeping.networks_below(self.folder(cell).parent)
        row = keeping.row_of(cell)
        for folder in keeping.second_best(
            {f: a for f, a in found.items() if keeping.row_of(a.cell) == row}
        ):
            keeping.remove(folder)

    def of_cells(self, name: str) -> list[Path]:
        """What lies in a folder of notes under the identity of a cell; all else is not ours."""
        return [p for p in sorted((self.root / name).glob("*")) if IDENTITY.fullmatch(p.name)]

    def running(self) -> list[str]:
        """What the workers say of the cells they are at."""
        notes = self.of_cells("progress")
        return [text for path in notes if (text := _text(path))]

    def at_work(self) -> dict[str, str]:
        """What the workers say of the cells they are at, by cell id; nothing where no driver is."""
        try:
            with (self.root / ".lock").open("rb") as file:  # who only looks writes nothing
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return {}
        except OSError:  # held, or a disk without locks
            notes = self.of_cells("progress")
            return {p.name: text for p in notes if (text := _text(p))}
        return {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; ``MedtailError`` where another driver has it."""
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.root / ".lock", timeout=0):
                yield
        except Timeout as error:
            raise MedtailError(
                f"another medtail bench is at work in {self.root}: wait, or use --out"
            ) from error

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the folder to run cells; ``MedtailError`` where it is held or space is short."""
        self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free / 2**20
        if free < NEEDED_MIB:
            raise MedtailError(
                f"no space: {free:.0f} MiB are free in {self.root}, {NEEDED_MIB} are needed: "
                "make space (medtail clean lists what can go) or use --out"
            )
        with self.locked():
            for name in ("progress", "handed", "over"):
                for path in self.of_cells(name):
                    writing.remove(path)
                with suppress(OSError):  # of a user who keeps files there, too
                    (self.root / name).rmdir()
            for path in (*writing.left_in(self.root, DEPTH), *writing.left_in(cache_root(), 0)):
                writing.remove(path)
            yield


def _text(path: Path) -> str:
    """Of a note; empty where its cell has just ended."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
