"""Ids of images, and the files that they are."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ..pixels.folders import images_below, suffix_of
from .choice import Choice
from .sheets import Sheet


def ids_of(sheet: Sheet, choice: Choice, folder: Path) -> list[str]:
    """The id of each image: that of its column, else its path as the table has it.

    Where a path begins at the root of a disk, what all have in common is left out: ids stand in
    records of results, and places of a machine do not.
    """
    if choice.id:
        return sheet[choice.id]
    paths = [text.replace("\\", "/") for text in sheet[choice.image]]
    if any(PurePosixPath(path).is_absolute() for path in paths):
        whole = [os.path.normpath(folder.absolute() / path) for path in paths]
        top = os.path.commonpath([Path(path).parent for path in whole])
        return [PurePosixPath(path).relative_to(top).as_posix() for path in whole]
    return paths


def seen_from(place: Path, path: str) -> Path:
    """A path of a description, without its dots: the folder that it is seen from may be absent."""
    return Path(os.path.normpath(place / path))


def images_of(place: Path, images: str, file: Path) -> Path:
    """The folder of the images: the one that is said, or that of the file."""
    if images:
        return seen_from(place, images)
    return file if file.is_dir() else file.parent


def paths_of(names: Sequence[str], folder: Path) -> list[Path]:
    """The file of each image, which may not be there.

    Args:
        names: paths seen from ``folder``, or names of files anywhere below it, with their ending
            or without.
        folder: where to look.

    Raises:
        DataError: two files have the name of one image.
    """
    paths = [folder / name.replace("\\", "/") for name in names]
    lost = {
        p.name: p.name[: len(p.name) - len(suffix_of(p.name))] for p in paths if not p.is_file()
    }
    if not lost or not folder.is_dir():
        return paths
    found = images_below([folder], set(lost.values()))
    below = {
        name: found[stem]
        for name, stem in lost.items()
        if stem in found and (name == stem or found[stem].name.casefold() == name.casefold())
    }
    return [path if path.is_file() else below.get(path.name, path) for path in paths]
