"""Which network is meant: a file, a folder, or a row on some data."""

import re
from pathlib import Path

from medtail.datamodules.core.errors import MedtailError, unknown

from . import keeping
from .description import DESCRIPTION, WEIGHTS
from .ensemble import ENSEMBLE

ROW = re.compile(r"(?P<row>.+) on (?P<data>\S+?)(, seed (?P<seed>\d+))?")


def find(text: str, runs: Path) -> Path:
    """The folder of a network.

    Args:
        text: its folder, a file of it, or ``row on data[, seed N]`` such as
            ``ldam on isic2018@lt100``; without a seed the one that is best on validation.
        runs: folder of results, in which rows are looked for.

    Raises:
        MedtailError: no such network, with the nearest; or several rows of that name on other
            terms.
    """
    path = Path(text)
    if path.exists():
        folder = path if path.is_dir() else path.parent
        if any((folder / name).is_file() for name in (DESCRIPTION, WEIGHTS, ENSEMBLE)):
            return folder
        raise MedtailError(f"{text}: no network there ({DESCRIPTION} and {WEIGHTS})")
    asked = ROW.fullmatch(text.strip())
    if not asked:
        raise MedtailError(
            f"{text}: no such file or folder; for a row write it as 'ldam on isic2018@lt100'"
        )
    every = keeping.networks_below(runs / "cells")
    if not every:
        raise MedtailError(f"{runs}: no network is kept there (medtail bench --keep best)")
    wanted = f"{asked['row']} on {asked['data']}"
    named = {f: a for f, a in every.items() if f"{a.cell.row} on {a.cell.terms.data}" == wanted}
    if not named:
        raise unknown_row(wanted, sorted({str(a).partition(", seed")[0] for a in every.values()}))
    if asked["seed"]:
        named = {f: a for f, a in named.items() if a.cell.seed == int(asked["seed"])}
    if not named:
        raise MedtailError(f"{text}: no network of this seed is kept; leave the seed out")
    if len({keeping.row_of(a.cell) for a in named.values()}) > 1:
        raise MedtailError(
            f"{text}: {len(named)} networks on different terms; name one by its folder: "
            + ", ".join(str(folder) for folder in named)
        )
    return min(named, key=lambda folder: keeping.rank(named[folder]))


def unknown_row(wanted: str, known: list[str]) -> MedtailError:
    """The error for a row that has no network."""
    text = str(unknown("network", wanted, known)).replace(" (medtail list shows all)", "")
    return MedtailError(text)
