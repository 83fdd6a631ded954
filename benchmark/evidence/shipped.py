"""The evidence that comes with medtail, and the records of one board of it or of another folder."""

from pathlib import Path

from medtail.datamodules.core.errors import unknown
from medtail.datamodules.core.names import DataName

from .record import Record, read_lines

# Beside the folder benchmark, in a checkout as in an installed package.
SHIPPED = Path(__file__).parents[2] / "leaderboards"


def records_of(folder: Path, data: str) -> list[Record]:
    """The records of a board.

    Args:
        folder: of leaderboards.
        data: name of the board, such as ``isic2018@lt100``.

    Raises:
        MedtailError: it has no such board, with the nearest names.
    """
    name = str(DataName.parse(data))
    known = [path.stem for path in (folder / "records").glob("*.jsonl")]
    if name not in known:
        raise unknown(f"board of {folder}", name, known)
    return read_lines(folder / "records" / f"{name}.jsonl")
