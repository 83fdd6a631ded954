"""The folder of a report: written whole, and only over what this report wrote before."""

from collections.abc import Mapping
from pathlib import Path

from medtail.datamodules.core.errors import MedtailError

from ..evidence.record import write

MARK = "Written by `medtail report {name}`; changes by hand are lost."
FORMS = {".md": "<!-- {} -->", ".tex": "% {}", ".bib": "% {}"}


def first_line(file: str, name: str) -> str:
    """What says who wrote a file; without an @, which begins an entry of BibTeX."""
    told = name.replace("@", " at ") if file.endswith(".bib") else name
    return FORMS[Path(file).suffix].format(MARK.format(name=told))


def save(out: Path, name: str, files: Mapping[str, str]) -> list[Path]:
    """Write the files of a report.

    Args:
        out: the folder.
        name: of the report.
        files: content by name.

    Returns:
        The paths.

    Raises:
        MedtailError: a file of another stands there, or the report of another board; nothing is
            written then.
    """
    for file in files:
        path = out / file
        if path.exists() and _first(path) != first_line(file, name):
            raise MedtailError(
                f"{path} was not written by medtail report {name}: move it, or name another --out"
            )
    for file, text in files.items():
        whole = f"{first_line(file, name)}\n\n{text}"
        path = out / file
        if not path.exists() or path.read_bytes() != whole.encode():
            write(path, whole)
    return [out / file for file in files]


def _first(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as lines:
        return lines.readline().rstrip("\n")
