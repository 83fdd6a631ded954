"""Keeping networks: written by a worker, moved beside their record, weeded out by seed."""

from pathlib import Path
from typing import TYPE_CHECKING

from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.writing import whole

from ..grid.cell import Cell
from . import description
from .description import DESCRIPTION, WEIGHTS, Description

if TYPE_CHECKING:
    from medtail.datamodules.core.source import Source

    from ..tracks.outcome import Kept

KEEP = ("best", "all", "none")


def hand_over(folder: Path, cell: Cell, kept: "Kept", data: "Source") -> Description:
    """Write a network for the driver to take, into a folder of its own.

    It goes by file, whatever its size: tensors in a launcher's messages would be copied twice.

    Raises:
        MedtailError: the method has state that is no tensor.
    """
    from safetensors.torch import save  # its save_file makes files that only their owner reads

    method = kept.method
    state = {}
    for name, value in method.state_dict().items():
        if not hasattr(value, "detach"):
            raise MedtailError(f"{kept.slug}: its state '{name}' is no tensor: make it a buffer")
        state[name] = value.detach().cpu().clone().contiguous()
    with whole(folder / WEIGHTS) as part:
        part.write_bytes(save(state))
    made = Description(
        cell=cell,
        cell_id=cell.id,
        method=kept.slug,
        params=kept.params,
        spec=method.spec,
        normalisation=method.spec.normalisation,
        window="" if data.window is None else str(data.window),
        frame=data.frame,
        validation=kept.validation,
        normality=kept.normality,
        digest=description.digest_of(folder / WEIGHTS),
    )
    description.write(folder / DESCRIPTION, made)
    return made


def take(handed: Path, folder: Path) -> None:
    """Move a network that was handed over into its cell's folder; without one, remove an older.

    The description goes last: where it stands, its tensors do.
    """
    remove(folder)
    if (handed / DESCRIPTION).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for name in (WEIGHTS, DESCRIPTION):
            (handed / name).replace(folder / name)
        handed.rmdir()


def remove(folder: Path) -> None:
    """Remove a cell's network, where it has one."""
    for name in (DESCRIPTION, WEIGHTS):
        (folder / name).unlink(missing_ok=True)


def row_of(cell: Cell) -> str:
    """What cells share that differ in their seed, draw and fold alone."""
    return cell.model_copy(update={"seed": 0, "terms": cell.terms.table}).id


def rank(about: Description) -> tuple[float, int]:
    """Sorts the seeds of a row, the best first: by validation, then the lowest seed.

    Where nothing on validation tells seeds apart (``selection: last``), it is the lowest seed.
    """
    value = about.validation
    return (-value if value is not None else float("inf"), about.cell.seed)


def networks_below(folder: Path) -> dict[Path, Description]:
    """Folders with a network, anywhere below, and what it is; a damaged description is left out."""
    found = {}
    for path in sorted(folder.rglob(DESCRIPTION)):
        try:
            found[path.parent] = description.read(path)
        except MedtailError:
            continue
    return found


def second_best(found: dict[Path, Description]) -> list[Path]:
    """Of some networks the folders of those whose row has a better seed among them."""
    ordered = sorted(found, key=lambda folder: rank(found[folder]))
    best: dict[str, Path] = {}
    for folder in ordered:
        best.setdefault(row_of(found[folder].cell), folder)
    return [folder for folder in ordered if best[row_of(found[folder].cell)] != folder]
