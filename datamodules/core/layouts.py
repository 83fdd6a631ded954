"""Layouts of downloads as data: a dataset names its label files and image folders as they unpack.

A place is found under any spelling: letter case, separators (``images_part_1``, ``Images part1``),
a table's ending (.csv, .tab, .tsv or none), folders within folders, links. Hidden files and
``__MACOSX`` are none.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .pixels.folders import MASK, images_below
from .spelling import DEPTH, Entry, entries, find, folders_of, key, packed, table

SPELLING = "in any letter case, with - or _ or neither, tables as .csv, .tab or without ending"


class Part(NamedTuple):
    """Files or folders that a download has together.

    Attributes:
        names: as the download spells them; an empty name is the dataset's folder itself.
        whose: whose download, in words.
        whole: of image folders, whether each image in them has its row in the labels, so that one
            without tells of a list that is cut off.
    """

    names: tuple[str, ...]
    whose: str
    whole: bool = False


@dataclass(frozen=True)
class Layouts:
    """What is understood of a dataset: one of ``labels`` with one of ``images``.

    Attributes:
        labels: label files, each part being enough.
        images: image folders, each part being enough, the best one first; images lie anywhere below
            them.
    """

    labels: tuple[Part, ...] = ()
    images: tuple[Part, ...] = ()

    def told(self) -> str:
        """Every layout, in a sentence; empty where there is none."""
        kinds = [("labels", self.labels, ""), ("images", self.images, "/")]
        told = [
            f"{kind} in {', or in '.join(_told(part, ending) for part in parts)}"
            for kind, parts, ending in kinds
            if parts
        ]
        return f"It reads {'; '.join(told)} ({SPELLING})." if told else ""


def _told(part: Part, ending: str) -> str:
    names = " + ".join(f"{name}{ending}" for name in part.names if name)
    return f"{names} ({part.whose})" if names else part.whose


ANYWHERE = Part(("",), "any folder beside or below the labels")


class Place(NamedTuple):
    """A folder in which a dataset's files may lie.

    Attributes:
        folder: one of ``folders_of``.
        inside: what lies in it.
        labels: label files that lie in it, by name.
    """

    folder: Path
    inside: list[Entry]
    labels: dict[str, Path]

    def tables(self, parts: Sequence[Part]) -> list[Path]:
        """Label files of the first part that lies here in full; empty where none does."""
        whole = next((part for part in parts if not self.lacks(part)), None)
        return [self.labels[name] for name in whole.names] if whole else []

    def lacks(self, part: Part) -> list[str]:
        """Names of a part of label files that do not lie here."""
        return [name for name in part.names if name not in self.labels]


def look(root: Path, names: Sequence[str], layouts: Layouts) -> list[Place]:
    """What lies in each folder in which a dataset's files may lie.

    Of ``root`` itself, which may hold anything, only the folders that the layouts name are looked
    into, unless it is the dataset's own by its name.
    """
    parts = (*layouts.labels, *layouts.images)
    named = {key(Path(name).stem) for part in parts for name in part.names}
    own = key(root.resolve().name) in {key(name) for name in names}
    found = []
    for folder in folders_of(root, names):
        inside = list(entries(folder, named if folder == root and not own else None))
        files = {n: table(inside, n) for part in layouts.labels for n in part.names}
        found.append(Place(folder, inside, {n: p for n, p in files.items() if p}))
    return found


def absence(places: Sequence[Place], layouts: Layouts) -> str:
    """What of the labels is not there, what is, and archives that wait to be unpacked."""
    tried = [(place, part) for place in places for part in layouts.labels]
    near = [(p, part) for p, part in tried if len(p.lacks(part)) < len(part.names)]
    text = ""
    if near:
        place, part = min(near, key=lambda pair: len(pair[0].lacks(pair[1])))
        have = ", ".join(str(place.labels[n]) for n in part.names if n in place.labels)
        text = f"no {' and no '.join(place.lacks(part))} with {have}; "
    where = " and ".join(str(place.folder) for place in places)
    text += f"looked in {where}, {DEPTH} folders deep"
    return text + packed(e for place in places for e in place.inside)


class Images(NamedTuple):
    """Image files of ids.

    Attributes:
        folders: below which they were looked for.
        found: image file of each id that has one.
        spare: names of images that are no id's.
        part: that the folders are of.
    """

    folders: list[Path]
    found: dict[str, Path]
    spare: list[str]
    part: Part


def images(place: Place, ids: Sequence[str], parts: Sequence[Part], ending: str = "") -> Images:
    """The images of the first part that has one for each id, else of that which has most.

    Where several folders may be meant by a name, as in archives that hold all twice, the nearest to
    the top and best spelled is taken.

    Args:
        place: that holds the labels.
        ids: of the images.
        parts: of the layouts.
        ending: of ids, which a file's name or an id may have or not.

    Raises:
        DataError: two different files have the name of one id.
    """
    best = Images([], {}, [], parts[-1])
    for part in parts:
        spelled = [find(place.inside, n) if n else [place.folder] for n in part.names]
        if not all(spelled):
            continue
        got = _images([nearest for nearest, *_ in spelled], ids, part, ending)
        if len(got.found) == len(ids):
            return got
        best = max(best, got, key=lambda images: len(images.found))
    return best


def _images(folders: list[Path], ids: Sequence[str], part: Part, ending: str) -> Images:
    below = images_below(folders, set(ids))
    found = {i: below[name] for i in ids if (name := _named(below, i, ending))}
    taken = set(found.values())
    spare = [n for n, path in below.items() if path not in taken and not MASK.search(n)]
    return Images(folders, found, spare, part)


def _named(below: Container[str], name: str, ending: str) -> str:
    """The stem of an id's file; empty where there is none."""
    short = name.removesuffix(ending)
    return next((stem for stem in (name, short, short + ending) if stem in below), "")
