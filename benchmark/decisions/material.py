"""What decisions are asked of: the rows of a board with their predictions, and facts of samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medtail.datamodules.core.contract import Track
from medtail.datamodules.core.errors import MedtailError, unknown
from medtail.datamodules.core.names import DataName

from ..boards.row import Row
from ..boards.section import Section, sections
from ..evidence import samples
from ..evidence.predictions import Predictions
from ..evidence.published import VALIDATION, read_predictions
from ..evidence.samples import Samples
from ..evidence.shipped import records_of
from ..statistics.intervals import REPLICATES, group_weights

FITS = 500  # of the draws, where something is fitted on validation in each
OTHERS: dict[Track, str] = {
    "few_shot": "episodes have one image of a class as often as of another, and no validation",
    "one_class": "its score tells abnormal from given, not one diagnosis from another",
    "active": "it is about which images are worth a label",
}


@dataclass(frozen=True)
class Entry:
    """A row with its predictions, seed by seed.

    Attributes:
        row: of the board.
        test: of each seed.
        held: the same of validation; empty where a seed has none.
    """

    row: Row
    test: tuple[Predictions, ...]
    held: tuple[Predictions, ...]

    @property
    def name(self) -> str:
        """Of the row."""
        return self.row.name

    @property
    def seeds(self) -> tuple[int, ...]:
        """In the order of the predictions."""
        return tuple(r.cell.seed for r in self.row.done)


@dataclass(frozen=True)
class Material:
    """A table of a long-tail board.

    Attributes:
        data: name of the board.
        section: the table.
        entries: rows whose predictions are there, in the order of the board.
        shown: names of those that are shown.
        samples: what is known of its samples.
    """

    data: str
    section: Section
    entries: tuple[Entry, ...]
    shown: frozenset[str]
    samples: Samples

    @property
    def names(self) -> tuple[str, ...]:
        """Of the K classes."""
        return self.section.names

    @property
    def counts(self) -> tuple[int, ...]:
        """K training counts."""
        assert self.section.example is not None  # ``gather`` leaves others out
        return self.section.example.class_counts

    @property
    def first(self) -> Predictions:
        """Predictions of the first row, for what all have in common: targets, groups and ids."""
        return self.entries[0].test[0]

    @property
    def critical(self) -> list[int]:
        """Indices of the classes that must not be missed."""
        return [k for k, name in enumerate(self.names) if name in self.samples.critical]

    def of_group(self, name: str) -> list[int]:
        """Indices of the ``head``, ``medium`` or ``tail`` classes."""
        return [k for k, group in enumerate(self.section.class_groups) if group == name]

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """[1 + R, N] of the test: as it is, then drawn as for the boards' intervals."""
        given = self.first
        drawn = group_weights(given.target, given.group, REPLICATES, 0)
        return np.concatenate([np.ones((1, len(given.id)), np.float32), drawn])

    def held_weights(self, held: Predictions) -> NDArray[np.float32]:
        """[FITS, M] of validation, drawn as for the boards' fitted numbers."""
        return group_weights(held.target, held.group, FITS, 1)

    def units(self, member: NDArray[np.bool_] | None = None) -> tuple[int, ...]:
        """Groups that each class has in the test, or in a part of it [N]."""
        target, group = self.first.target, self.first.group
        mine = np.ones(len(target), bool) if member is None else member
        each = [len(np.unique(group[mine & (target == k)])) for k in range(len(self.names))]
        return tuple(n for n in each if n)


def gather(root: Path, data: str, method: str = "") -> list[Material]:
    """The tables of a board whose predictions are there.

    Args:
        root: folder of leaderboards.
        data: name of a long-tail board.
        method: rows that are shown: names or globs between commas; empty for all.

    Raises:
        MedtailError: no such board, one of another track, without predictions, or without the row.
    """
    name = DataName.parse(data)
    tables = [part for part in sections(records_of(root, data)) if part.example]
    if not tables:
        raise MedtailError(f"{name}: no cell of this board in {root} has finished")
    if tables[0].track != "long_tail":
        raise MedtailError(
            f"{name} is of the {tables[0].track.replace('_', '-')} track: "
            f"{OTHERS[tables[0].track]}. Decisions are asked of long-tail boards, such as "
            f"{name.source}@natural"
        )
    test, held = (read_predictions(root, str(name), *part) for part in ((), (VALIDATION,)))
    known = samples.read(root, name.source)
    found = []
    for table in (t for t in tables if not t.resplit):  # whose seeds share no test
        entries = [_entry(row, test, held) for row in table.rows]
        there = tuple(e for e in entries if e)
        if there:
            _check(str(name), there)
            found.append(Material(str(name), table, there, frozenset(), known))
    if all(table.resplit for table in tables):
        raise MedtailError(f"{name}: every seed has a split of its own: decisions need one test")
    if not found:
        raise MedtailError(f"{name}: {root}/predictions has none of its cells: publish them again")
    names = [e.name for part in found for e in part.entries]
    shown = _shown(str(name), method, [e for part in found for e in part.entries], names)
    return [Material(m.data, m.section, m.entries, shown, m.samples) for m in found]


def _entry(row: Row, test: dict[str, Predictions], held: dict[str, Predictions]) -> Entry | None:
    ids = [r.cell_id for r in row.done]
    if not ids or not all(i in test for i in ids):
        return None
    whole = all(i in held for i in ids)
    return Entry(row, tuple(test[i] for i in ids), tuple(held[i] for i in ids) if whole else ())


def _check(data: str, entries: Sequence[Entry]) -> None:
    """Raise where two rows were scored on other samples, so that draws cannot be shared."""
    ids = entries[0].test[0].id.tolist()
    for entry in entries:
        for given in entry.test:
            if given.id.tolist() != ids:
                raise MedtailError(
                    f"{data}: {entry.name} and {entries[0].name} were scored on other samples or "
                    "in another order: publish them again"
                )


def _shown(data: str, method: str, entries: Sequence[Entry], names: list[str]) -> frozenset[str]:
    if not method or method in names:
        return frozenset([method] if method else names)
    kept = set()
    for pattern in method.split(","):
        mine = {
            e.name
            for e in entries
            if fnmatch(e.name, pattern) or fnmatch(e.row.done[0].cell.method, pattern)
        }
        if not mine:
            raise unknown(f"row of {data}", pattern, names)
        kept |= mine
    return frozenset(kept)
