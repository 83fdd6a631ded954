"""What a file says of itself: the columns that nobody named, where they are obvious."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import DataError
from . import sheets
from .columns import same_name
from .description import Description, described, reason
from .images import images_of, paths_of
from .sheets import Sheet
from .splits import Spelling

# Usual names, the more telling ones first.
IMAGES = (
    "image", "image path", "path", "file path", "filename", "file", "image file", "image name",
    "img path", "img", "image id", "image index", "id code", "isic id", "name", "id",
)  # fmt: skip
LABELS = (
    "label", "labels", "class", "class name", "target", "diagnosis", "dx", "category", "grade",
    "finding", "finding labels", "y",
)  # fmt: skip
TRIED = 20  # rows whose images are looked for


def inspected(
    values: Mapping[str, Any], file: Path, place: Path, spelling: Spelling
) -> Description:
    """A description of a file, from what its owner says and what is obvious.

    Args:
        values: what is said; keys of ``Description``.
        file: a table, an npz archive or a folder.
        place: the folder of ``dataset.yaml``.
        spelling: how the owner writes a setting.

    Raises:
        DataError: the file cannot be read, or it is not obvious which column is which.
    """
    said = {k: v for k, v in values.items() if v not in ("", [], None) and v is not False}
    if file.suffix.casefold() == ".npz" and "image" not in said:
        said["image"] = _only(file, sheets.guessed_images(file), "image", spelling)
    keys = {k: said[k] for k in ("image", "label", "id", "group", "split") if said.get(k)}
    sheet, images = sheets.read(file, keys), images_of(place, said.get("images", ""), file)
    if sheet.kind == "table" and "image" not in said:
        said["image"] = _image(file, sheet, images, spelling)
    if sheet.kind != "folder" and "label" not in said:
        said["label"] = _label(file, sheet, {said["image"]}, spelling)
    try:
        return described(said)
    except ValidationError as error:
        key, why = reason(error)
        raise DataError(f"{spelling(key, '...')}: {why}") from error


def _there(sheet: Sheet) -> str:
    return ", ".join(sheet.columns)


def _image(file: Path, sheet: Sheet, images: Path, spelling: Spelling) -> str:
    """The first column by the order of ``IMAGES`` whose values are images."""
    known = _usual(sheet, IMAGES)
    for column in known:
        sample = [value for value in sheet[column][:TRIED] if value]
        if sample and any(path.is_file() for path in paths_of(sample, images)):
            return column
    tried = f"no image of column {' or '.join(known)} is below {images}" if known else "no image"
    raise DataError(
        f"{file}: {tried}: name the column by {spelling('image', 'COLUMN')} and the folder of the "
        f"images by {spelling('images', 'FOLDER')} (columns: {_there(sheet)})"
    )


def _label(file: Path, sheet: Sheet, used: set[str], spelling: Spelling) -> str:
    known = [name for name in _usual(sheet, LABELS) if name not in used]
    if known and same_name(known[0], "label"):
        return known[0]
    return _only(file, known, "label", spelling, f"{_there(sheet)}; A,B,C for a column a class")


def _only(file: Path, known: Sequence[str], key: str, spelling: Spelling, there: str = "") -> str:
    if len(known) == 1:
        return known[0]
    why = f"{' or '.join(known)}?" if known else "none is obvious"
    there = f" (there are {there})" if there else ""
    raise DataError(f"{file}: which is the {key}? {why}: say it by {spelling(key, 'NAME')}{there}")


def _usual(sheet: Sheet, names: Sequence[str]) -> list[str]:
    """Columns that have a usual name, in the order of the names."""
    columns = {c: c.replace(sheets.EACH, " ") for c in sheet.columns}
    return [c for name in names for c, said in columns.items() if same_name(said, name)]
