"""Leaderboards: a folder of records, and the pages that are derived from them.

``records/<data@regime>.jsonl`` holds the evidence and ``predictions/<data@regime>.parquet`` what it
was computed from; ``render`` makes everything else from these alone, so that the same evidence
gives the same bytes. (Links to notes in ``../docs/`` appear where there are any.)
"""

import re
from functools import cache, partial
from pathlib import Path
from typing import Any

from rich.table import Table

from medtail.datamodules.core import writing
from medtail.datamodules.core.errors import MedtailError

from ..evidence.lock import locked
from ..evidence.predictions import Predictions
from ..evidence.published import VALIDATION, publish, read_predictions
from ..evidence.record import Record, read_lines, write
from . import json_form, sources_page
from . import markdown as pages
from .front import front
from .outside import attach
from .over_sources import Tier, kept, over_sources
from .page import document
from .picture import picture
from .row_curves import row_curves
from .section import Section, sections
from .standing import Standing, standings
from .terms import describe

__all__ = ["VALIDATION", "publish", "read_predictions", "render", "terminal_tables"]
# The first line of a page of notes, such as <!-- boards: name@lt100 name@shot5 -->.
BOARDS = re.compile(r"<!-- *boards: *(.*?) *-->")


def _scores(root: Path, slug: str, given: dict[str, Predictions]) -> dict[str, Predictions]:
    """Published predictions, and those that were handed in."""
    return read_predictions(root, slug) | given


def _held(root: Path, slug: str) -> dict[str, Predictions]:
    """Published predictions of validation."""
    return read_predictions(root, slug, VALIDATION)


def render(root: Path) -> list[Path]:
    """Write every page, CSV and picture from ``records/``, ``predictions/`` and ``outside/`` alone.

    Beside them only two things count: what ``../docs/`` has of notes on a board and of cards, and
    which papers the files of methods name.

    Pages of boards that have no records any more are removed, and what dead processes left; files
    that this function did not write, records and predictions stay.

    Returns:
        The files written.
    """
    with locked(root):  # or pages would miss what another process publishes meanwhile
        return _rendered(root)


def _rendered(root: Path) -> list[Path]:
    for path in writing.left_in(root, 2):
        writing.remove(path)
    written: list[Path] = []
    boards: dict[str, list[Section]] = {}
    known: dict[str, list[Standing]] = {}
    curves: dict[str, list[dict[str, Any]]] = {}
    notes: dict[str, list[tuple[str, str]]] = {}
    slugs = sorted(p.stem for p in (root / "records").glob("*.jsonl"))
    for slug in slugs:
        parts = sections(read_lines(root / "records" / f"{slug}.jsonl"))
        if not parts:
            continue
        parts, given = attach(root, slug, parts, partial(read_predictions, root, slug))
        scores, held = cache(partial(_scores, root, slug, given)), partial(_held, root, slug)
        known[slug] = standings(root, slug, parts, scores, held)
        curves[slug] = [row_curves(part, scores()) for part in parts]
        notes[slug] = _notes(root, slug)
        image = picture(slug, parts, [describe(s.terms) for s in parts])
        markdown = pages.board(slug, parts, known[slug], image is not None, notes[slug])
        files = {"md": markdown, "csv": pages.table(parts, known[slug])}
        for suffix, text in files.items():
            write(root / f"{slug}.{suffix}", text)
            written.append(root / f"{slug}.{suffix}")
        _picture(root / f"{slug}.png", image)
        written += [root / f"{slug}.png"] if image else []
        boards[slug] = parts
    tiers = kept(root, Tier)
    overall = over_sources(boards, known, tiers)
    every = json_form.document(boards, known, curves, notes, _cards(root), overall)
    front_files = {
        "README.md": front(
            boards,
            sources_page.text(overall) if overall else "",
            {one.name for one in tiers if one.tier == "stress"},
        ),
        "leaderboards.json": json_form.text(every),
        "index.html": document.html(every),
    }
    for name, made in front_files.items():
        write(root / name, made)
    _picture(root / sources_page.PICTURE, sources_page.heat_map(overall) if overall else None)
    _remove_stale(root, keep={root / "README.md", *written})
    return [*(root / name for name in front_files), *written]


def _picture(path: Path, image: bytes | None) -> None:
    """Write it, or see that none is there."""
    if image is None:
        path.unlink(missing_ok=True)
        return
    with writing.whole(path) as part:
        part.write_bytes(image)


def terminal_tables(records: list[Record]) -> list[Table]:
    """Short tables of one board for the terminal, the largest first.

    Raises:
        MedtailError: no records.
    """
    if not records:
        raise MedtailError("leaderboard: no records to show")
    return [pages.terminal(records[0].cell.terms.data, part) for part in sections(records)]


def _notes(root: Path, slug: str) -> list[tuple[str, str]]:
    """Titles and links of what was written by hand about a board, seen from its page.

    That is ``../docs/<dataset>.md``, and every other page there whose first line names the board.
    """
    dataset = re.split(r"[+@]", slug)[0]
    found: list[tuple[str, str]] = []
    for path in sorted((root / "../docs").glob("*.md")):
        with path.open(encoding="utf-8") as lines:
            named = BOARDS.fullmatch(lines.readline().strip())
        if path.stem == dataset:
            found.insert(0, ("Notes on these results", f"../docs/{path.name}"))
        elif named and slug in named[1].split():
            found.append((f"Notes: {path.stem}", f"../docs/{path.name}"))
    return found


def _cards(root: Path) -> dict[str, str]:
    """Addresses of the cards of methods that ``../docs/`` has, seen from a board's page."""
    paths = (root / "../docs/cards/methods").glob("*.md")
    return {path.stem: f"../docs/cards/methods/{path.name}" for path in paths}


def _remove_stale(root: Path, keep: set[Path]) -> None:
    for board in root.glob("*@*.md"):
        if board not in keep and board.read_text(encoding="utf-8").startswith(pages.MARK):
            for path in (board, board.with_suffix(".csv"), board.with_suffix(".png")):
                path.unlink(missing_ok=True)
