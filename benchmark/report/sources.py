"""What a report is made from: the tables of boards, and what their evidence says of the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from medtail import datamodules
from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.names import DataName

from ..boards.leaderboard import VALIDATION, read_predictions
from ..boards.outside import attach
from ..boards.section import Section, sections
from ..boards.standing import Standing, standings
from ..evidence.predictions import Predictions
from ..evidence.record import Record, read_lines


@dataclass(frozen=True)
class Table:
    """A table of a board.

    Attributes:
        slug: the board.
        number: of the table, from 1; 0 where the board has one.
        section: its rows.
        standing: how sure they are.
        test: samples that were scored, None where the predictions are not there.
        held: those of validation.
    """

    slug: str
    number: int
    section: Section
    standing: Standing
    test: Predictions | None
    held: Predictions | None

    @property
    def name(self) -> str:
        """For a reader."""
        return f"{self.slug}, table {self.number}" if self.number else self.slug

    @property
    def label(self) -> str:
        """In references: letters, digits and hyphens."""
        name = DataName.parse(self.slug)
        parts = [name.dataset, name.variant, name.regime, str(self.number or "")]
        return "-".join(p for p in parts if p).replace("_", "-")

    @property
    def done(self) -> list[Record]:
        """Finished records of its rows."""
        return [r for row in self.section.rows for r in row.done]

    @property
    def groups(self) -> int | None:
        """Test groups; None where the predictions are not there or no group holds two images."""
        if self.test is None or (self.test.group == self.test.id).all():
            return None
        return len(np.unique(self.test.group))


def tables(root: Path, slugs: Sequence[str]) -> list[Table]:
    """The tables of some boards.

    Args:
        root: folder of leaderboards.
        slugs: names of boards there.

    Raises:
        MedtailError: none of them has a record.
    """
    found = [table for slug in slugs for table in _board(root, slug)]
    if not found:
        raise MedtailError(f"{root}: no record of {', '.join(slugs)}, so nothing to report")
    return found


def _board(root: Path, slug: str) -> list[Table]:
    parts = sections(read_lines(root / "records" / f"{slug}.jsonl"))
    stored = cache(partial(read_predictions, root, slug))
    held = cache(partial(read_predictions, root, slug, VALIDATION))
    parts, given = attach(root, slug, parts, stored)
    known = standings(root, slug, parts, lambda: stored() | given, held) if parts else []
    several = len(parts) > 1
    return [
        Table(
            slug,
            number if several else 0,
            *pair,
            _first(pair[0], stored()),
            _first(pair[0], held()),
        )
        for number, pair in enumerate(zip(parts, known, strict=True), 1)
    ]


def _first(section: Section, stored: dict[str, Predictions]) -> Predictions | None:
    return next((stored[r.cell_id] for r in section.records if r.cell_id in stored), None)


def module_of(slug: str) -> ImageDataModule | None:
    """The data module of a board, for its facts; None where this medtail has none."""
    name = DataName.parse(slug)
    try:
        return datamodules.build(name.source)
    except MedtailError:
        return None
