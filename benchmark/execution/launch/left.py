"""Slurm jobs that go on without the driver that submitted them."""

from collections.abc import Sequence
from pathlib import Path

from medtail.datamodules.core.errors import MedtailError

from ...grid.cell import Cell
from .array import Exchange
from .slurm import Slurm, name_of


def in_slurm(root: Path, cells: Sequence[Cell]) -> int:
    """How many cells wait or run as Slurm jobs of this folder of results; 0 without an answer."""
    exchange = Exchange(root / "slurm")
    if not (places := exchange.wanted()):
        return 0
    alive = Slurm(exchange, name_of(root)).alive() or {}
    return sum(places.get(cell.id) in alive for cell in cells)


def of_interrupted(root: Path, cells: Sequence[Cell]) -> str:
    """What becomes of them when the driver ends; empty where there are none."""
    if not (amount := in_slurm(root, cells)):
        return ""
    return (
        f"{amount} cells go on as Slurm jobs, and the same command takes up what they give; "
        f"scancel --name={name_of(root)} ends them"
    )


def check(root: Path, cells: Sequence[Cell], launcher: str) -> None:
    """Let no cell run here while a Slurm job has it.

    Raises:
        MedtailError: that is so.
    """
    amount = 0 if launcher == "slurm" else in_slurm(root, cells)
    if amount:
        raise MedtailError(
            f"{amount} of these cells wait or run as Slurm jobs: use --launcher slurm, which takes "
            f"up what they give, or end them: scancel --name={name_of(root)}"
        )
