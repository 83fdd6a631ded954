"""The part that a dataset overrides: its facts, its table, where its pixels come from."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from .arguments import Copies
from .errors import DataError, DataMissingError
from .layouts import Layouts, Part, Place, absence, images, look
from .names import DataName
from .pixels import prepared
from .pixels.cache import DECODER_VERSION, Pixels
from .pixels.prepared import Prepared
from .pixels.reading import read_image
from .pixels.window import Window
from .spelling import packed
from .subgroups import Presented
from .table import SampleTable


def data_root() -> Path:
    """``MEDTAIL_DATA``, or ``data`` in the working directory."""
    return Path(os.environ.get("MEDTAIL_DATA") or "data")


def cache_root() -> Path:
    """``MEDTAIL_CACHE``, or ``.cache/images`` in the working directory."""
    return Path(os.environ.get("MEDTAIL_CACHE") or ".cache/images")


class Source(Presented):
    """Facts, labels and pixels of a dataset.

    A dataset overrides ``load_table`` and, where its images are no files, ``read_image`` and
    ``source_key``, and ``close_sources`` where reading leaves something behind.

    Class attributes:
        slugs: the names this module answers to; usually one, the module's own.
        variants: other splits than the default one -> one line on what they are. A split that leaks
            can only be had as a variant whose name begins with ``leaky_``.
        class_names, in_channels, ordinal, modality: facts of the dataset (set per instance where
            slugs differ); the modality is ``dermoscopy``, ``fundus``, ..., or empty.
        rare_names: classes that its protocol calls rare; empty for those with fewest images.
        refused: names that cannot be used -> why, and what to use instead.
        local: arguments that change no number.
        paths: arguments that are paths of files.
        copies: what becomes of an image that stands in several splits, pixel for pixel: ``refuse``
            the data, or ``exclude`` it from train (and from val, where it is in test), which the
            card states. An argument of every dataset.
        window, frame: how grey levels of more than 8 bits, and stacks, are read (``read_image``).
        folders: folders below ``root`` in which the files may lie; empty for ``root`` itself.
        layouts: label files and image folders in them, as downloads unpack.
        source: which of several sources the pixels come from, set by ``load_table``.
        taken: the image folders that ``images_of`` took.
        prepared: the small form that stands for absent originals, set by ``prepared_or``.
        remarks: what else the card says, by what it is about, set by ``load_table``.
        title, licence, citation, files: for the card; ``files`` says which are needed, from where.
    """

    slugs: ClassVar[tuple[str, ...]]
    variants: ClassVar[dict[str, str]] = {}
    refused: ClassVar[dict[str, str]] = {}
    copies: Copies = "refuse"
    window: Window | None = None
    frame: int | None = None
    local: ClassVar[tuple[str, ...]] = ("root", "cache", "workers")
    paths: ClassVar[tuple[str, ...]] = ()
    folders: ClassVar[tuple[str, ...]] = ("",)
    layouts: Layouts = Layouts()
    source: str = ""
    prepared: Prepared | None = None
    taken: Part | None = None
    class_names: tuple[str, ...] = ()
    in_channels: int = 3
    ordinal: bool = False
    modality: str = ""
    rare_names: tuple[str, ...] = ()
    remarks: Mapping[str, str] = {}
    title: str = ""
    licence: str = ""
    citation: str = ""
    files: str = ""

    # Set by ``ImageDataModule``.
    name: DataName
    image_size: tuple[int, int]
    root: Path
    cache: Path
    table: SampleTable

    # What a dataset overrides.

    def load_table(self) -> SampleTable:
        """Read ids, targets, groups and, where given, splits; set ``class_names`` where they vary.

        Raises:
            DataMissingError: files are not there; use ``self.missing``.
            DataError: files are not as they should be.
        """
        raise NotImplementedError

    def read_image(self, row: int) -> Pixels:
        """Decode one image -> [H, W, C] uint8 of ``image_size``; ``OSError`` names the file."""
        if self.prepared:
            return self.prepared.image(str(self.table.id[row]))
        if self.table.path is None:
            raise TypeError(f"{type(self).__name__}: the table has no paths: override read_image")
        return read_image(
            self.table.path[row], self.image_size, self.in_channels, self.window, self.frame
        )

    @property
    def recipe(self) -> str:
        """How the pixels are made, in words: their version, with their digest."""
        if self.prepared:
            return self.prepared.recipe
        height, width = self.image_size
        made = f"{height} x {width} px, Lanczos, decoder {DECODER_VERSION}{self._chosen()}"
        return f"{self.source or self.name.dataset}, {made}"

    def close_sources(self) -> None:
        """Drop what ``read_image`` keeps open; called once the image cache is filled."""

    def source_key(self) -> str:
        """What the pixels depend on, in words: the cache is made anew when it changes."""
        if self.prepared:
            stamp = self.prepared.path.stat()
            return f"{self.prepared.digest} {stamp.st_size} {stamp.st_mtime_ns}"
        stamps = ((p, p.stat()) for p in self.table.path or ())
        return (
            "\n".join(f"{p.name} {s.st_size} {s.st_mtime_ns}" for p, s in stamps) + self._chosen()
        )

    def _chosen(self) -> str:
        """Window and frame, in words; empty where neither is given."""
        window = "" if self.window is None else f", window {self.window}"
        return window if self.frame is None else f"{window}, frame {self.frame}"

    @property
    def called(self) -> str:
        """How commands name this data: with its size, where that is not 28 pixels."""
        size = "" if self.image_size == (28, 28) else " --size {}x{}".format(*self.image_size)
        return f"{self.name.source}{size}"

    # What a dataset may use.

    @property
    def how(self) -> str:
        """How to get the files, and every layout of them that is understood."""
        return " ".join(filter(None, (self.files, self.layouts.told())))

    def missing(self, *looked: Path) -> DataMissingError:
        """The error for absent files: which, where looked, how to get them."""
        return self.absent(f"looked for {', '.join(map(str, looked))}")

    def absent(self, why: str) -> DataMissingError:
        """The error for absent files: ``why``, how to get them, and which layouts are read."""
        if not self.root.is_dir():
            why = f"there is no folder {self.root}"
        return DataMissingError(
            f"{self.name.dataset}: files not found ({why}); {self.how} "
            "Set MEDTAIL_DATA to the folder that holds them.",
            why,
        )

    def located(self) -> Place:
        """The first of ``folders`` that has all label files of a layout.

        Raises:
            DataMissingError: none has.
        """
        places = look(self.root, self.folders, self.layouts)
        for place in places:
            if place.tables(self.layouts.labels):
                return place
        raise self.absent(absence(places, self.layouts))

    def images_of(
        self, ids: Sequence[str], place: Place, *parts: Part, ending: str = ""
    ) -> tuple[Path, ...] | None:
        """The image file of each id, as one of the layouts has them; none where there is no image
        but the small form, which ``prepared`` is then.

        Args:
            ids: of the images.
            place: that holds the labels.
            parts: image folders that are understood; by default those of ``layouts``.
            ending: of ids, which a file's name or an id may have or not.

        Raises:
            DataMissingError: an image is not there.
            DataError: images of a layout stand in no row of the labels.
        """
        got = images(place, ids, parts or self.layouts.images, ending)
        below = ", ".join(map(str, got.folders)) or str(place.folder)
        if not got.found:
            why = f"none of {len(ids)} images is below {below}{packed(place.inside)}"
            self.prepared_or(self.absent(why))
            return None
        lost = [name for name in ids if name not in got.found]
        if lost:
            raise DataMissingError(
                f"{self.name.dataset}: {len(lost)} of {len(ids)} image files are missing below "
                f"{below}, the first is '{lost[0]}'{packed(place.inside)}; {self.files}"
            )
        if got.part.whole and got.spare:
            raise DataError(
                f"{self.name.dataset}: {len(got.spare)} images below {below} stand in no row of "
                f"{', '.join(p.name for p in place.labels.values())} (the first is "
                f"'{got.spare[0]}'): is it cut off? Get it anew, or move the other images away"
            )
        self.taken = got.part
        return tuple(got.found[name] for name in ids)

    def prepared_or(self, absent: DataMissingError) -> None:
        """Take the pixels from the small form, where there is one; else raise ``absent``.

        Raises:
            DataError: it is damaged.
        """
        path = prepared.place(self.root, self.name.dataset, self.image_size)
        if not path.exists():
            raise absent
        self.prepared = Prepared(path)
        self.source = self.prepared.source

    def fetch(self) -> None:
        """Get the files, where that can be done; ``medtail data get``.

        Raises:
            DataMissingError: they have to be got by hand; says from where.
        """
        if self.files:
            raise DataMissingError(f"{self.name.dataset} cannot be fetched by medtail: {self.how}")

    def check_files(self) -> None:
        """Raise ``DataError`` where a file of the table is not there, or a folder."""
        absent = [p for p in self.table.path or () if not p.is_file()]
        folders = [p for p in absent if p.is_dir()]
        if folders:
            raise DataError(
                f"{self.name.dataset}: {folders[0]} is a folder, where an image is needed: of a "
                "series, name one file for each image"
            )
        if absent:
            raise DataMissingError(
                f"{self.name.dataset}: {len(absent)} of {len(self.table)} image files are missing, "
                f"the first is {absent[0]}; {self.files}"
            )
