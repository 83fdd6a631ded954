"""The command that gives a dataset of one's own its name: ``medtail data add``."""

import csv
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtail.datamodules.core.errors import DataError, MedtailError

from . import terminal
from .data import Size, pixels

if TYPE_CHECKING:
    from medtail.datamodules.core.own.description import Description

console = terminal.console()
FLAGS = ("no_group", "no_split", "ordinal")


def add(
    source: Annotated[
        Path,
        typer.Argument(metavar="FILE_OR_FOLDER", help="A CSV or Parquet table, an npz, a folder."),
    ],
    name: Annotated[str, typer.Option(help="What it is called from now on, such as skin.")],
    label: Annotated[str, typer.Option(help="Column of the labels; A,B,C: a column a class.")] = "",
    image: Annotated[str, typer.Option(help="Column of the images: paths or names.")] = "",
    images: Annotated[Path | None, typer.Option(help="Folder of the images.")] = None,
    id: Annotated[str, typer.Option("--id", help="Column of the ids in predictions.")] = "",
    group: Annotated[str, typer.Option(help="Column of the patient, lesion or video.")] = "",
    no_group: Annotated[bool, typer.Option("--no-group", help="No column is a group.")] = False,
    split: Annotated[str, typer.Option(help="Column of train, val and test.")] = "",
    no_split: Annotated[bool, typer.Option("--no-split", help="No column is a split.")] = False,
    test_fold: Annotated[str, typer.Option(help="Values of the split that are the test.")] = "",
    val_fold: Annotated[str, typer.Option(help="Values of the split for validation.")] = "",
    classes: Annotated[str, typer.Option(help="Names of the classes in order: a,b,c.")] = "",
    ordinal: Annotated[bool, typer.Option("--ordinal", help="The classes are ordered.")] = False,
    rare: Annotated[str, typer.Option(help="Classes that few-shot calls rare: a,b.")] = "",
    critical: Annotated[str, typer.Option(help="Classes that must not be missed: a,b.")] = "",
    age: Annotated[str, typer.Option(help="Column of the age, kept in bands.")] = "",
    sex: Annotated[str, typer.Option(help="Column of the sex.")] = "",
    site: Annotated[str, typer.Option(help="Column of the site.")] = "",
    channels: Annotated[int, typer.Option(help="3, or 1 for images that stay grey.")] = 3,
    window: Annotated[str, typer.Option(help="Above 8 bits: low,high or p1-p99 or file.")] = "",
    frame: Annotated[int | None, typer.Option(help="Of stacks: which frame, from 0.")] = None,
    copies: Annotated[str, typer.Option(help="Images in several splits: refuse, exclude.")] = "",
    title: Annotated[str, typer.Option(help="What it is, in a line.")] = "",
    licence: Annotated[str, typer.Option(help="What may be done with it.")] = "",
    citation: Annotated[str, typer.Option(help="What to cite.")] = "",
    modality: Annotated[str, typer.Option(help="dermoscopy, fundus, ...")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite an earlier one.")] = False,
    size: Size = "28",
) -> None:
    """Give images of your own a name: write DATA_ROOT/NAME/dataset.yaml and print the card.

    Images and labels stay where they are. Columns that are called image, label, group and split
    are found; what looks like a group or a split must be named or refused.
    """
    from medtail import datamodules
    from medtail.datamodules.core.own.inspection import inspected
    from medtail.datamodules.core.source import data_root

    if problem := datamodules.wrong_name(name):
        raise MedtailError(f"--name {name}: {problem}")
    place, source = data_root() / name, _plain(source)
    if (place / datamodules.OWN).exists() and not replace:
        raise MedtailError(f"{name} has its {datamodules.OWN} already: --replace writes it anew")
    if not source.exists():
        raise DataError(f"{source} not found")
    values = {
        "name": name,
        "source": _seen_from(place, source),
        "images": _seen_from(place, _plain(images)) if images else "",
        "label": names[0] if len(names := _list(label)) == 1 else names,
        **{"image": image, "id": id, "group": group, "split": split, "copies": copies},
        **{"classes": _list(classes), "rare": _list(rare), "ordinal": ordinal},
        **{"critical": _list(critical), "age": age, "sex": sex, "site": site},
        **{"test_fold": _list(test_fold), "val_fold": _list(val_fold), "channels": channels},
        **{"title": title, "licence": licence, "citation": citation, "modality": modality},
        **{"no_group": no_group, "no_split": no_split, "window": window, "frame": frame},
    }
    _write(inspected(values, source, place, option), place, size)


def _write(facts: "Description", place: Path, size: str) -> None:
    """Write the file where the card can be made, then print the card."""
    from medtail import datamodules
    from medtail.datamodules.core.card import card
    from medtail.datamodules.core.own.described import OwnDataset
    from medtail.datamodules.core.own.description import write

    text = card(OwnDataset(facts.name, pixels(size), facts, option))
    write(place / datamodules.OWN, facts)
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    told = (
        f"{place / datamodules.OWN} is written: use {facts.name}@natural, {facts.name}@lt100, ..."
    )
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def option(key: str, value: str) -> str:
    """A setting as it is written on this command line."""
    name = f"--{key.replace('_', '-')}"
    return name if key in FLAGS else f"{name} {shlex.quote(value)}"


def _list(text: str) -> list[str]:
    """Names between commas; one that has a comma itself stands in double quotes."""
    try:
        names = next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error:  # a line break
        raise MedtailError(f"{text!r}: names stand in one line, between commas") from None
    return [name.strip() for name in names]


def _plain(path: Path) -> Path:
    """A path from the root of the disk, without dots; links stay what they are."""
    return Path(os.path.normpath(path.absolute()))


def _seen_from(place: Path, path: Path) -> str:
    """A path as ``dataset.yaml`` has it: relative within the data root, else from the disk's."""
    inside = path.is_relative_to(_plain(place.parent))
    return Path(os.path.relpath(path, _plain(place))).as_posix() if inside else str(path)
