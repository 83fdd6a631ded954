"""The commands on datasets: ``medtail data ...``."""

import os
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from medtail.datamodules.core.disk import words
from medtail.datamodules.core.errors import DataError, MedtailError

from . import terminal

if TYPE_CHECKING:
    from medtail.datamodules.core.base import ImageDataModule

data_app = typer.Typer(no_args_is_help=True, help="Datasets: cards, files.")
console = terminal.console()

DataNameArgument = Annotated[
    str, typer.Argument(help="dataset[+variant][@regime], such as isic2018@lt100.")
]
Settings = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="An argument of the dataset: file=my.csv."),
]
Size = Annotated[str, typer.Option("--size", help="Pixels: 28, or HEIGHTxWIDTH such as 96x128.")]


def pixels(size: str) -> tuple[int, int]:
    """(height, width) of ``--size``; ``MedtailError`` where it is neither."""
    try:
        numbers = [int(part) for part in size.split("x")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or min(numbers) < 1:
        raise MedtailError(
            f"--size {size}: write pixels, such as 28, or HEIGHTxWIDTH, such as 96x128"
        )
    return numbers[0], numbers[-1]


def built(name: str, size: str, settings: list[str]) -> "ImageDataModule":
    """The module that a command's words mean, not yet prepared; a mistake is a line of text."""
    from medtail import datamodules
    from medtail.datamodules.core.yaml_values import setting

    shape, params = pixels(size), dict(setting(written, "file=my.csv") for written in settings)
    return datamodules.build(name, shape, **params)


@data_app.command()
def card(name: DataNameArgument, size: Size = "28", settings: Settings = []) -> None:  # noqa: B006
    """Print the card of a dataset: counts, groups, digest, licence and leak report."""
    from medtail.datamodules.core.card import card as describe

    console.print(
        describe(built(name, size, settings)), markup=False, highlight=False, soft_wrap=True
    )


@data_app.command()
def get(name: DataNameArgument, size: Size = "28") -> None:
    """Download a dataset where that is possible, else say where it is to be had."""
    from medtail.datamodules.core.source import data_root

    built(name, size, []).fetch()
    console.print(f"{name}: its files are in {data_root()}", markup=False, highlight=False)


@data_app.command()
def status() -> None:
    """Say of every dataset whether its files are there, and what of them is not."""
    from medtail import datamodules
    from medtail.datamodules.core.source import data_root

    table = Table(
        "dataset", "images", "state", title=f"data in {data_root()}", title_justify="left"
    )
    for name, family in sorted(datamodules.registry().items()):
        refused = family.refused.get(name)
        variant = f"+{next(iter(family.variants))}" if refused and family.variants else ""
        try:
            module = datamodules.build(f"{name}{variant}")
            table.add_row(f"{name}{variant}", str(len(module.load_table())), "ready")
        except DataError as error:
            why = getattr(error, "why", "") or str(error)
            table.add_row(f"{name}{variant}", "", Text(why))
        except OSError as error:  # the others are there all the same
            where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
            table.add_row(f"{name}{variant}", "", Text(f"{where}{words(error)}"))
    for name, problem in datamodules.own().items():
        if problem:
            table.add_row(Text(name), "", Text(problem))
    console.print(table)
    console.print("How to get files, and which layouts of them are read: medtail data get DATASET")
