"""What lies beside a kept network and says how to build it: ``network.json``."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from medtail import __version__
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError

from ..evidence import record
from ..evidence.normality import Normality
from ..grid.cell import Cell, Frozen

FORMAT: Literal[1] = 1
WEIGHTS, DESCRIPTION = "network.safetensors", "network.json"


class Description(Frozen):
    """How to build a network whose tensors lie in a file beside it. Holds no path.

    Attributes:
        format: of this file.
        medtail: version that wrote it.
        cell: method, parameters, seed and terms (data, image size, backbone, precision, ...) of the
            training.
        cell_id: the cell's identity.
        method: slug of what is built; active: the learner of the last round.
        params: its parameters.
        spec: the data as the method saw them: classes, their counts, image size, channels, track.
        normalisation: mean and standard deviation of each channel, of images in [0, 1].
        window, frame: how grey levels of more than 8 bits, and stacks, were read.
        validation: value on validation by which seeds are told apart; None where selection names
            no metric.
        normality: one-class only.
        digest: SHA-256 of the file of tensors.
    """

    format: Literal[1] = FORMAT
    medtail: str = __version__
    cell: Cell
    cell_id: str
    method: str
    params: dict[str, Any] = {}
    spec: DataSpec
    normalisation: tuple[tuple[float, ...], tuple[float, ...]]
    window: str = ""
    frame: int | None = None
    validation: float | None = None
    normality: Normality | None = None
    digest: str

    def __str__(self) -> str:
        return str(self.cell)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path) -> Description:
    """The description in a file.

    Raises:
        MedtailError: it is none, is of a newer medtail, or was edited.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text)
    except (OSError, ValueError) as error:
        raise MedtailError(f"{path}: no readable description of a network ({error})") from error
    number = values.get("format") if isinstance(values, dict) else None
    if isinstance(number, int) and number > FORMAT:
        raise MedtailError(
            f"{path}: format {number} of a newer medtail ({values.get('medtail')}), this one "
            f"({__version__}) reads up to {FORMAT}: update medtail"
        )
    try:
        found = Description.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise MedtailError(
            f"{path}: no description of a network ({place}: {first['msg']})"
        ) from error
    if found.cell.id != found.cell_id:
        raise MedtailError(
            f"{path}: edited, or of another medtail: its cell is not {found.cell_id}"
        )
    return found


def write(path: Path, description: Description) -> None:
    """Write a description, whole or not at all."""
    record.write(path, description.model_dump_json(indent=1) + "\n")
