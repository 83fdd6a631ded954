"""Features in a mapped file of the cache, with what they were made from beside it."""

import shutil
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medtail.datamodules.core import derived
from medtail.datamodules.core.disk import words
from medtail.datamodules.core.errors import DataError, MedtailError
from medtail.datamodules.core.loading.features import FeatureStore

from ..evidence import record
from ..grid.cell import digest

VERSION = 1  # of what is computed: raise it when the same images give other features
Tell = Callable[[str], None]


class CachedFeatures(FeatureStore):
    """A file of features whose name stands for all that they depend on.

    Args:
        folder: the cache (``MEDTAIL_CACHE``).
        title: of the data, for messages and the file's name.
        what: all that the features depend on.
        shape: N images, V views, D features.
        kind: of a number in the file.
    """

    def __init__(
        self, folder: Path, title: str, what: dict[str, Any], shape: tuple[int, int, int], kind: str
    ) -> None:
        self.what = {"version": VERSION, **what, "shape": list(shape), "kind": kind}
        self.title, self.shape, self.kind = title, shape, np.dtype(kind)
        self.path = folder / f"{title}-features-{digest(self.what)}.npy"
        _, self.views, self.width = shape
        self.tell: Tell = lambda line: None
        self.checked = False

    @abstractmethod
    def fill(self, features: NDArray[Any], done: int, mark: Callable[[int], None]) -> None:
        """Write the features.

        Args:
            features: [N, V, D] to be written.
            done: rows that stand there already, of a run that was stopped.
            mark: to be called with the number of rows that stand there now.
        """

    def estimate(self) -> float:
        """Seconds that it takes to make them, on one core."""
        return 0.0

    def ensure(self) -> None:
        """Make the file where it is not there, damaged or of other features.

        Raises:
            DataError: the disk is too small, or refuses to be written.
        """
        if self.checked:
            return
        with self._disk():
            derived.ensure(self.path, self.what, self._make)
        self.checked = True

    def is_there(self) -> bool:
        """Whether ``ensure`` would compute nothing."""
        return self.checked or not derived.wrong(self.path, self.what)

    def _make(self, whole: Path) -> None:
        """Write them; what a run has done that is stopped is gone on with."""
        part, progress = self.path.with_suffix(".part"), self.path.with_suffix(".rows")
        size = int(np.prod(self.shape)) * self.kind.itemsize
        done = self._rows_of(part, progress)
        free = shutil.disk_usage(self.path.parent).free
        if size > free and not done:
            raise DataError(
                f"{self.title}: features need {size / 2**20:.0f} MiB in {self.path.parent}, "
                f"{free / 2**20:.0f} MiB are free: make space, or point MEDTAIL_CACHE to another "
                "disk"
            )
        mode: Literal["r+", "w+"] = "r+" if done else "w+"
        features = np.lib.format.open_memmap(part, mode, self.kind, self.shape)

        def mark(rows: int) -> None:
            features.flush()
            record.write(progress, str(rows))

        self.fill(features, done, mark)
        features.flush()
        progress.unlink(missing_ok=True)
        part.replace(whole)

    def _rows_of(self, part: Path, progress: Path) -> int:
        """Rows that a run left which was stopped; 0 where none can be gone on from."""
        try:
            whole = np.load(part, mmap_mode="r")
            rows = int(progress.read_text(encoding="utf-8"))
        except (OSError, ValueError, EOFError):
            return 0
        fits = whole.shape == self.shape and whole.dtype == self.kind
        return rows if fits and 0 < rows <= self.shape[0] else 0

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DataError(
                f"cannot write features in {self.path.parent}: {words(error)}: make space, or "
                "point MEDTAIL_CACHE to another disk"
            ) from error


def refuse_infinite(features: NDArray[Any], title: str, ids: NDArray[np.str_]) -> None:
    """Raise where a feature of some images [B, V, D] is no number, or too large to be kept."""
    bad = np.flatnonzero(~np.isfinite(features).reshape(len(features), -1).all(1))
    if len(bad):
        raise MedtailError(
            f"{title}: a feature of {ids[bad[0]]} is no finite number"
            + (f" (and of {len(bad) - 1} more)" if len(bad) > 1 else "")
        )


__all__ = ["CachedFeatures", "Tell", "refuse_infinite"]
