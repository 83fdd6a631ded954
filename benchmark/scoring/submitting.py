"""Predictions handed in: put beside the rows of a board, and taken off again."""

from pathlib import Path

from medtail.datamodules.core.errors import MedtailError, unknown
from medtail.datamodules.core.names import DataName

from ..evidence import outside
from ..evidence.outside import Submitted
from ..evidence.published import publish, read_predictions
from ..evidence.record import read_lines
from .scores_file import Scores
from .submission import Truth, given_of


def add(
    root: Path, source: Path, truth: Truth, scores: Scores, entry: Submitted, replace: bool
) -> None:
    """Put scores on a board of a folder, beside its rows.

    Args:
        root: folder of leaderboards that is written.
        source: folder that the truth was read from; its records of the board are copied, where
            ``root`` has none of it.
        truth: that the scores were held against.
        scores: as they were read.
        entry: what is known of them.
        replace: whether they may take the place of others of their name.

    Raises:
        MedtailError: no board, or a name that others have.
    """
    check(root, source, truth, entry, replace)
    slug = str(truth.data)
    if not (root / "records" / f"{slug}.jsonl").exists():
        stored = read_predictions(source, slug)
        records = read_lines(source / "records" / f"{slug}.jsonl")
        publish(root, [(record, stored.get(record.cell_id)) for record in records])
    outside.add(root, slug, entry, given_of(truth, scores), replace)


def check(root: Path, source: Path, truth: Truth, entry: Submitted, replace: bool) -> None:
    """Raise where ``add``, whose arguments these are, would."""
    slug = str(truth.data)
    if not truth.section.rows:
        raise MedtailError(
            f"--add: neither {root} nor {source} has a board of {slug} to stand on: `medtail "
            "bench` writes one"
        )
    if not replace:
        outside.check_free(outside.read(root, slug), slug, entry.name)


def remove(root: Path, data: str, name: str) -> None:
    """Take submitted predictions off a board.

    Raises:
        MedtailError: there are none of the name.
    """
    slug = str(DataName.parse(data))
    known = [path.stem for path in (root / "outside").glob("*.jsonl")]
    if slug not in known:
        raise unknown(f"board of {root} with submitted predictions", slug, known)
    outside.remove(root, slug, name)
