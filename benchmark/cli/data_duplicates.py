"""The command that lists copies: ``medtail data duplicates``."""

from pathlib import Path
from typing import Annotated

import typer

from medtail.datamodules.core.errors import MedtailError

from .data import DataNameArgument, Settings, Size, built, console


def duplicates(
    name: DataNameArgument,
    size: Size = "28",
    table: Annotated[
        Path | None, typer.Option("--csv", help="A new CSV file of them, a row each.")
    ] = None,
    settings: Settings = [],  # noqa: B006 (typer reads the default)
) -> None:
    """List every image that stands more than once, with splits and labels.

    Copies across splits are refused, unless the dataset's argument copies=exclude leaves them out
    of train.
    """
    from medtail.datamodules.core.duplicates import as_csv, as_text
    from medtail.datamodules.core.duplicates import duplicates as look

    from ..evidence import record

    if table and table.exists():
        raise MedtailError(f"--csv {table} exists already: name a new file")
    module = built(name, size, settings)
    found = look(module)
    lines = as_text(module, found)
    if table:
        record.write(table, as_csv(found))
        lines = [lines[0], *lines[1:][-1:], f"{table}: written"]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
