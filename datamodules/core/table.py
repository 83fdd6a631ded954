"""The table of a dataset: one row per image, before any split or regime."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .markup import OBEYED

SPLITS = ("train", "val", "test")
MOVES = re.compile(rf"[\t\n]|{OBEYED.pattern}")


@dataclass(frozen=True)
class SampleTable:
    """Every image of a dataset.

    Attributes:
        id: [N] unique strings.
        target: [N] int64 class indices.
        group: [N] strings, the coarsest known group (patient > lesion > video); None where nothing
            is known.
        split: [N] strings out of ``SPLITS``, where the dataset (or the user) gives a split; else
            None.
        path: N image files, where images are files; None where ``read_image`` has another source.
    """

    id: NDArray[np.str_]
    target: NDArray[np.int64]
    group: NDArray[np.str_] | None = None
    split: NDArray[np.str_] | None = None
    path: tuple[Path, ...] | None = None

    def __len__(self) -> int:
        return len(self.id)

    def check(self, name: str, class_names: tuple[str, ...]) -> None:
        """Raise ``DataError`` for the first thing that is wrong, named with its sample.

        Checked: lengths, at least one row, ids doubled, targets out of range, unknown split names.
        """
        for field in ("target", "group", "split", "path"):
            column = getattr(self, field)
            if column is not None and len(column) != len(self.id):
                raise DataError(f"{name}: {len(column)} values of {field} for {len(self.id)} ids")
        if not len(self.id):
            raise DataError(f"{name}: the table has no row")
        for what, words in (("class", class_names), ("id", self.id), ("group", self.group)):
            check_text(name, what, () if words is None else words)
        values, first, times = np.unique(self.id, return_index=True, return_counts=True)
        if times.max() > 1:
            worst = int(np.argmax(times))
            raise DataError(
                f"{name}: id '{values[worst]}' stands {times[worst]} times (the first is row "
                f"{first[worst]})"
            )
        outside = np.flatnonzero((self.target < 0) | (self.target >= len(class_names)))
        if len(outside):
            row = int(outside[0])
            raise DataError(
                f"{name}: label {self.target[row]} of sample '{self.id[row]}' is out of range: "
                f"{len(class_names)} classes, 0 to {len(class_names) - 1} ({len(outside)} such)"
            )
        if self.split is not None:
            odd = np.flatnonzero(~np.isin(self.split, SPLITS))
            if len(odd):
                row = int(odd[0])
                raise DataError(
                    f"{name}: split '{self.split[row]}' of sample '{self.id[row]}': write one of "
                    f"{', '.join(SPLITS)}"
                )


def check_text(name: str, what: str, words: Iterable[str]) -> None:
    """Raise ``DataError`` for a name that is no text on a line.

    Such as a folder's of another encoding, or one with a character that a terminal would obey.
    """
    known = [str(word) for word in words]
    together = "".join(known)
    if MOVES.search(together):
        odd = next(word for word in known if MOVES.search(word))
        raise DataError(f"{name}: the {what} {odd!a} has a control character: rename it")
    try:
        together.encode()
    except UnicodeEncodeError:
        odd = next(word for word in known if any("\ud800" <= c <= "\udfff" for c in word))
        shown = odd.encode(errors="backslashreplace").decode()
        raise DataError(f"{name}: the {what} '{shown}' is not UTF-8: rename it") from None
