"""The command that hands a dataset's splits to other code: ``medtail data export``."""

from pathlib import Path
from typing import Annotated

import typer

from medtail.datamodules.core.errors import MedtailError

from . import terminal
from .data import DataNameArgument, Settings, Size, built

told = terminal.console(stderr=True)


def export(
    name: DataNameArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="A new CSV file; without one, standard output.")
    ] = None,
    episodes: Annotated[
        Path | None, typer.Option("--episodes", help="Few-shot: a new CSV file of the test's.")
    ] = None,
    test_episodes: Annotated[
        int, typer.Option("--test-episodes", help="How many of them, as a suite says.", min=1)
    ] = 600,
    size: Size = "28",
    settings: Settings = [],  # noqa: B006 (typer reads the default)
) -> None:
    """Write ids, labels, groups and splits as CSV: train elsewhere on the very same images.

    The rows with kept=True of a split are those that methods here are given of it.
    """
    from medtail.datamodules.core import listing

    from ..evidence import record

    for option, path in (("--out", out), ("--episodes", episodes)):
        if path and path.exists():
            raise MedtailError(f"{option} {path} exists already: name a new file")
    if out and episodes and out.absolute() == episodes.absolute():
        raise MedtailError(f"--out and --episodes are both {out}: a file for each")
    module = built(name, size, settings)
    made = {out: listing.listing(module)}
    if episodes:
        made[episodes] = listing.episodes(module, test_episodes)
    for path, text in made.items():
        if path is None:
            typer.echo(text, nl=False)
            continue
        record.write(path, text)
        told.print(f"{path}: written", markup=False, highlight=False, soft_wrap=True)
    amounts = ", ".join(f"{len(module.rows(s)):,} {s}" for s in ("train", "val", "test"))
    groups = "groups known" if module.table.group is not None else "groups unknown: ids instead"
    line = f"{module.name}: {amounts}; {groups}; split digest {module.digest}"
    told.print(line, markup=False, highlight=False, soft_wrap=True)
