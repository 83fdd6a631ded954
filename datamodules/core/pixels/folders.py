"""Image files below folders: links followed, what is no image of a dataset left out or refused."""

import filecmp
import os
import re
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".dcm",
                  ".dicom")  # fmt: skip
# Arrays and volumes: listed, so that who reads one says why it is none and what to do.
VOLUME_SUFFIXES = (".nii.gz", ".nii", ".npy", ".mha", ".mhd", ".nrrd")
# Endings of what lies beside an image: BUSI numbers its masks from the second on.
MASK = re.compile(r"_(mask|segmentation|superpixels|seg)(_\d+)?$", re.IGNORECASE)
FOREIGN = ("__MACOSX", "@eaDir")  # folders of copies and previews that systems leave


def suffix_of(name: str) -> str:
    """The suffix, in lower case, where it is an image's or a volume's, else empty."""
    lower = name.lower()
    return next((s for s in (*IMAGE_SUFFIXES, *VOLUME_SUFFIXES) if lower.endswith(s)), "")


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do: 128 bytes of anything, then ``DICM``."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def may_be_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its suffix or, where that says nothing, by its first bytes."""
    suffix = suffix_of(path.name)
    return suffix in (".dcm", ".dicom") or (not suffix and is_dicom(path))


def _has_no_suffix(name: str) -> bool:
    """Whether a name ends in no suffix, or in a number, as those of DICOM's UIDs do."""
    end = name.rpartition(".")[2]
    return end == name or end.isdigit()


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Image and volume files below a folder, sorted; each folder once, whatever links say."""
    try:
        here = folder.stat()
        if (here.st_dev, here.st_ino) in seen:
            return
        seen.add((here.st_dev, here.st_ino))
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror}") from error
    for entry in inside:
        name, path = entry.name, folder / entry.name
        if name.startswith(".") or name in FOREIGN:
            continue
        if path.is_dir() if entry.is_symlink() else entry.is_dir():
            yield from _walk(path, seen)
        elif suffix_of(name) or (_has_no_suffix(name) and is_dicom(path)):
            yield path


def _stem(path: Path) -> str:
    """The id that a file's name stands for: a DICOM file without a suffix has its whole name."""
    suffix = suffix_of(path.name)
    return path.name[: len(path.name) - len(suffix)]


def same_file(first: Path, second: Path) -> bool:
    """Whether two paths lead to one file, or to files of the very same bytes."""
    try:
        return first.samefile(second) or filecmp.cmp(first, second, shallow=False)
    except OSError:
        return False


def images_below(folders: Iterable[Path], ids: Container[str] | None = None) -> dict[str, Path]:
    """Image files anywhere below ``folders`` by name without suffix.

    Hidden files and those in ``FOREIGN`` folders are none; links to files and folders are followed.
    Two files of one stem are one image only where they are the same file by link or have the same
    bytes. A volume has a place where no image has its name: who reads it says what it is.

    Args:
        folders: where to look.
        ids: the stems that are asked for; by default all of them.

    Raises:
        DataError: two images have one stem, or a folder cannot be listed.
    """
    found: dict[str, Path] = {}
    volumes: dict[str, Path] = {}
    seen: set[tuple[int, int]] = set()
    for path in (path for folder in folders for path in _walk(folder, seen)):
        stem = _stem(path)
        if suffix_of(path.name) in VOLUME_SUFFIXES:
            volumes.setdefault(stem, path)
            continue
        first = found.setdefault(stem, path)
        asked = ids is None or stem in ids
        if asked and first is not path and not same_file(first, path):
            raise DataError(
                f"two images are named '{stem}': {first} and {path}: keep one, or name the folder "
                "that holds the right ones"
            )
    return volumes | found


class Listing(NamedTuple):
    """The image files of a folder, and what was left out.

    Attributes:
        images: sorted.
        masks: files whose stem ends as ``MASK`` says, beside an image of the same base.
    """

    images: list[Path]
    masks: list[Path]

    @property
    def told(self) -> str:
        """One line on what was left out; empty where nothing was."""
        if not self.masks:
            return ""
        named = f"{len(self.masks)} masks beside their images are left out"
        return f"{named} (the first is {self.masks[0].name})"


def image_files(folder: Path) -> Listing:
    """Image files anywhere below a folder, where no list of ids says which are the dataset's.

    As ``images_below``, and ``x_mask.png`` is no image where ``x.jpg`` lies in the same folder.

    Raises:
        DataError: two files of one folder have one stem, a volume lies among them, or a folder
            cannot be listed.
    """
    found: dict[tuple[Path, str], Path] = {}
    for path in _walk(folder, set()):
        if suffix_of(path.name) in VOLUME_SUFFIXES:
            raise DataError(f"{path}: a volume or an array: export its slices as images first")
        first = found.setdefault((path.parent, _stem(path)), path)
        if first is not path and not same_file(first, path):
            raise DataError(f"two images of one name: {first} and {path.name}: keep one")
    masks = [
        path
        for (place, stem), path in found.items()
        if (end := MASK.search(stem)) and (place, stem[: end.start()]) in found
    ]
    left = set(masks)
    return Listing([path for path in found.values() if path not in left], masks)
