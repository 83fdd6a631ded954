"""Statistics of a board as they are kept: with a checksum that ``sha256sum -c`` reads, too."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from medtail.datamodules.core import derived
from medtail.datamodules.core.errors import MedtailError

from ..evidence import record
from ..evidence.predictions import Predictions
from ..metrics.rescoring import refuted
from .section import Section

Entry = TypeVar("Entry", bound=BaseModel)


def read(path: Path, kind: type[Entry]) -> list[Entry]:
    """Those written before; of a file that is not as it was written, none: it is set aside."""
    if not path.exists():
        return []
    beside = _beside(path)
    try:
        content = path.read_bytes()
        if beside.read_text(encoding="utf-8") != _sum(path, content):
            raise ValueError("not as it was written")
        return [kind.model_validate(entry) for entry in json.loads(content)]
    except (OSError, ValueError, TypeError, ValidationError):
        known = beside.exists()
        derived.set_aside(path, "damaged or edited" if known else f"without {beside.name}")
    return []


def write(path: Path, text: str) -> None:
    """Write them where they are news, and their checksum."""
    for file, content in ((path, text), (_beside(path), _sum(path, text.encode()))):
        if not file.exists() or file.read_bytes() != content.encode():
            record.write(file, content)


def refuse(
    root: Path,
    slug: str,
    sections: Sequence[Section],
    stored: Mapping[str, Predictions],
    held: Mapping[str, Predictions],
) -> None:
    """Raise ``MedtailError`` where a record of a board has numbers its predictions do not give.

    Args:
        root: folder of leaderboards.
        slug: the board's ``data@regime``.
        sections: its tables.
        stored: predictions by cell id.
        held: the same of validation.
    """
    for one in (done for part in sections for row in part.rows for done in row.done):
        test = stored.get(one.cell_id)
        if test is not None and (why := refuted(one, test, held.get(one.cell_id))):
            raise MedtailError(
                f"{root / 'records' / f'{slug}.jsonl'}: {one.cell}: {why}: restore the line, or "
                "remove it and run the cell again"
            )


def _beside(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _sum(path: Path, content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}  {path.name}\n"
