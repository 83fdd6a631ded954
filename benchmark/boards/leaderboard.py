"""Leaderboards: a folder of records, and the pages that are derived from them.

``records/<data@regime>.jsonl`` holds the evidence and ``predictions/<data@regime>.parquet`` what it
was computed from; ``render`` makes everything else from these alone, so that the same evidence
gives the same bytes. (Links to notes in ``../docs/`` appear where there are any.)
"""

import os
import re
from collections import defaultdict
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock
from rich.table import Table

from medtail.datamodules.core.errors import MedtailError

from ..evidence.predictions import EXTRA, Predictions
from ..evidence.record import Record, read_lines, text_of, write, write_lines
from . import json_form
from . import markdown as pages
from .front import front
from .page import document
from .picture import picture
from .preamble import describe
from .section import Section, sections
from .standing import Standing, standings

# The first line of a page of notes, such as <!-- boards: name@lt100 name@shot5 -->.
BOARDS = re.compile(r"<!-- *boards: *(.*?) *-->")


def publish(root: Path, finished: list[tuple[Record, Predictions | None]]) -> list[str]:
    """Merge results into a folder of leaderboards; a failure never replaces a success.

    Two processes may publish into one folder: each waits for the other on ``.lock``.

    Args:
        root: the folder.
        finished: records with their test predictions, which a finished one should have.

    Returns:
        The ``data@regime`` names touched.

    Raises:
        MedtailError: predictions that are not those a record was computed from, or what could not
            be read back: nothing is then replaced.
    """
    by_slug: dict[str, list[tuple[Record, Predictions | None]]] = defaultdict(list)
    for record, predictions in finished:
        if predictions is not None and record.predictions not in ("", predictions.digest):
            raise MedtailError(
                f"{record.cell}: the record was computed from predictions {record.predictions}, "
                f"not from these ({predictions.digest}); score or run the cell again"
            )
        text_of(record)  # before anything is written
        by_slug[record.cell.terms.data].append((record, predictions))
    root.mkdir(parents=True, exist_ok=True)  # the lock needs it
    with FileLock(root / ".lock"):
        for slug, entries in by_slug.items():
            _merge(root, slug, entries)
    return sorted(by_slug)


def read_predictions(root: Path, slug: str) -> dict[str, Predictions]:
    """The published test predictions of a ``data@regime`` by cell id; an absent file has none."""
    path = root / "predictions" / f"{slug}.parquet"
    return _read_cells(path) if path.exists() else {}


def _read_cells(path: Path) -> dict[str, Predictions]:
    try:
        stored = pq.read_table(path)
        cells = pc.unique(stored["cell_id"]).to_pylist()
        parts = {cell: stored.filter(pc.equal(stored["cell_id"], cell)) for cell in cells}
        return {
            cell: Predictions.from_table(
                part.select([name for name in part.column_names if not part[name].null_count])
            )
            for cell, part in parts.items()
        }
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise MedtailError(f"{path}: no readable predictions ({error}); restore it") from error


def render(root: Path) -> list[Path]:
    """Write every page, CSV and picture from ``records/`` and ``predictions/`` alone.

    Beside them only one thing counts: which notes on a board lie in ``../docs/``.

    Pages of boards that have no records any more are removed; files that this function did not
    write, records and predictions stay.

    Returns:
        The files written.
    """
    written: list[Path] = []
    boards: dict[str, list[Section]] = {}
    known: dict[str, list[Standing]] = {}
    slugs = sorted(p.stem for p in (root / "records").glob("*.jsonl"))
    for slug in slugs:
        parts = sections(read_lines(root / "records" / f"{slug}.jsonl"))
        if not parts:
            continue
        known[slug] = standings(root, slug, parts, partial(read_predictions, root, slug))
        image = picture(slug, parts, [describe(s.terms) for s in parts])
        markdown = pages.board(slug, parts, known[slug], image is not None, _notes(root, slug))
        files = {"md": markdown, "csv": pages.table(parts, known[slug])}
        for suffix, text in files.items():
            write(root / f"{slug}.{suffix}", text)
            written.append(root / f"{slug}.{suffix}")
        if image:
            _write_bytes(root / f"{slug}.png", image)
            written.append(root / f"{slug}.png")
        else:
            (root / f"{slug}.png").unlink(missing_ok=True)
        boards[slug] = parts
    whole = json_form.document(boards, known)
    front_files = {
        "README.md": front(boards),
        "leaderboards.json": json_form.text(whole),
        "index.html": document.html(whole),
    }
    for name, text in front_files.items():
        write(root / name, text)
    _remove_stale(root, keep={root / "README.md", *written})
    return [*(root / name for name in front_files), *written]


def terminal_table(records: list[Record]) -> Table:
    """A short table of one board for the terminal: its largest section.

    Raises:
        MedtailError: no records.
    """
    if not records:
        raise MedtailError("leaderboard: no records to show")
    return pages.terminal(records[0].cell.terms.data, sections(records)[0])


def _merge(root: Path, slug: str, entries: list[tuple[Record, Predictions | None]]) -> None:
    path = root / "records" / f"{slug}.jsonl"
    records = {r.cell_id: r for r in read_lines(path)}
    scores = read_predictions(root, slug)
    for record, predictions in entries:
        old = records.get(record.cell_id)
        if record.status == "ok" or old is None or old.status == "failed":
            records[record.cell_id] = record
        if record.status == "ok" and predictions is not None:
            scores[record.cell_id] = predictions
    _write_predictions(root, slug, {i: p for i, p in scores.items() if _fits(p, records.get(i))})
    write_lines(path, list(records.values()))


def _notes(root: Path, slug: str) -> list[tuple[str, str]]:
    """Titles and links of what was written by hand about a board, seen from its page.

    That is ``../docs/<dataset>.md``, and every other page there whose first line names the board.
    """
    dataset = re.split(r"[+@]", slug)[0]
    found: list[tuple[str, str]] = []
    for path in sorted((root / "../docs").glob("*.md")):
        with path.open() as lines:
            named = BOARDS.fullmatch(lines.readline().strip())
        if path.stem == dataset:
            found.insert(0, ("Notes on these results", f"../docs/{path.name}"))
        elif named and slug in named[1].split():
            found.append((f"Notes: {path.stem}", f"../docs/{path.name}"))
    return found


def _fits(predictions: Predictions, record: Record | None) -> bool:
    """Whether a record that still stands was computed from these."""
    if record is None or record.status != "ok":
        return False
    return record.predictions in ("", predictions.digest)


def _write_predictions(root: Path, slug: str, scores: dict[str, Predictions]) -> None:
    """All cells of a board in one file, the ids they share stored once.

    Cells of several numbers of classes may share it (tables of one's own under one name). The old
    file stays where the new one does not read as what it is made from.
    """
    path = root / "predictions" / f"{slug}.parquet"
    if not scores:
        path.unlink(missing_ok=True)
        return
    tables = [
        scores[cell].table().add_column(0, "cell_id", pa.array([cell] * len(scores[cell].id)))
        for cell in sorted(scores)
    ]
    if len({scores[cell].logits.shape[1] for cell in scores}) > 1:
        tables = [_of_any_width(table) for table in tables]
    whole = pa.concat_tables(tables, promote_options="default")  # not all may have episodes
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    # Splitting the bytes of a float16 puts the exponents side by side, which then compress; pages
    # of many cells let their common ids be compressed to next to nothing.
    try:
        pq.write_table(
            whole,
            part,
            compression="zstd",
            compression_level=9,
            use_dictionary=["cell_id", "id", "group", "target", *EXTRA],
            max_rows_per_page=len(whole),
            column_encoding={"logits.list.element": "BYTE_STREAM_SPLIT"},
        )
        found = _read_cells(part)
        for cell, mine in scores.items():
            mine.same(found.get(cell), path)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _of_any_width(table: pa.Table) -> pa.Table:
    """The table with plain lists: Arrow cannot join fixed ones of several lengths."""
    place = table.schema.get_field_index("logits")
    return table.set_column(place, "logits", table["logits"].cast(pa.list_(pa.float16())))


def _write_bytes(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)


def _remove_stale(root: Path, keep: set[Path]) -> None:
    for board in root.glob("*@*.md"):
        if board not in keep and board.read_text().startswith(pages.MARK):
            for path in (board, board.with_suffix(".csv"), board.with_suffix(".png")):
                path.unlink(missing_ok=True)
