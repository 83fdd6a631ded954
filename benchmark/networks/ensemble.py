"""Several kept networks as one: the mean of their probabilities, features computed once."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field, ValidationError
from torch import Tensor, nn

from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.writing import part_of

from ..evidence import record
from ..features.extraction import Extractor
from ..grid.cell import Frozen
from ..tracks import judging
from ..tracks.folds import whole_of
from .description import DESCRIPTION, WEIGHTS, Description
from .network import Network

ENSEMBLE = "ensemble.json"


class Members(Frozen):
    """Which networks an ensemble is of, in folders beside this description.

    Attributes:
        format: of this file.
        folders: with a ``network.json`` each.
        digests: SHA-256 of their tensors.
    """

    format: Literal[1] = 1
    folders: tuple[str, ...] = Field(min_length=1)
    digests: tuple[str, ...]


class Ensemble(Network):
    """Networks of one data and one kind, whose probabilities are averaged.

    Attributes:
        members: the networks.
    """

    def __init__(self, members: Sequence[Network], extractor: Extractor | None) -> None:
        first = members[0]
        whole = first.about.model_copy(update={"cell": whole_of(first.about.cell)})
        super().__init__(first.method, whole, extractor)
        self.members = nn.ModuleList(members)
        self.eval()

    @property
    def title(self) -> str:
        """What it is, and how many."""
        cell = self.about.cell
        return f"{cell.row} on {cell.terms.data}, ensemble of {len(self.members)} networks"

    def logits(self, image: Tensor) -> Tensor:
        """uint8 [B, C, H, W] -> logarithms [B, K] of the members' mean probabilities, float64."""
        given = self.normalise(image)
        each = [judging.logits(m.method, given) for m in self.members]  # type: ignore[arg-type]
        return mean_log_probability(torch.stack(each))


def mean_log_probability(logits: Tensor) -> Tensor:
    """Logarithms of the mean of probabilities: [B, K] float64 from logits [M, B, K]."""
    whole = logits.double().log_softmax(-1)
    return whole.logsumexp(0) - torch.tensor(len(logits), dtype=whole.dtype).log()


def write(folder: Path, networks: Sequence[tuple[str, Path]]) -> Path:
    """Copy networks into a folder that is an ensemble of them, the description last.

    Args:
        folder: of the ensemble; one that is there is replaced.
        networks: name of each member and the folder that it is kept in.
    """
    from .description import digest_of

    part = part_of(folder)
    shutil.rmtree(part, ignore_errors=True)
    for name, place in networks:
        (part / name).mkdir(parents=True)
        for file in (WEIGHTS, DESCRIPTION):
            shutil.copyfile(place / file, part / name / file)
    names = tuple(name for name, _ in networks)
    digests = tuple(digest_of(part / name / WEIGHTS) for name in names)
    told = Members(folders=names, digests=digests)
    record.write(part / ENSEMBLE, told.model_dump_json(indent=1) + "\n")
    if (folder / ENSEMBLE).is_file():  # ours, and whole
        shutil.rmtree(folder)
    part.replace(folder)
    return folder


def members_of(folder: Path) -> list[Path]:
    """Folders of the networks of an ensemble.

    Raises:
        MedtailError: its description cannot be read.
    """
    path = folder / ENSEMBLE
    try:
        found = Members.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError) as error:
        raise MedtailError(f"{path}: no readable description of an ensemble") from error
    if any(Path(name).name != name for name in found.folders):
        raise MedtailError(f"{path}: its networks lie in folders beside it, and nowhere else")
    return [folder / name for name in found.folders]


def alike(abouts: Sequence[Description], folder: Path) -> None:
    """Raise ``MedtailError`` where networks are not of the same classes and inputs."""
    first = abouts[0]
    for about in abouts[1:]:
        same = about.spec.class_names == first.spec.class_names
        if not same or about.cell.terms.table != first.cell.terms.table:
            raise MedtailError(f"{folder}: its networks are of different data or terms")
