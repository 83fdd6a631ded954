"""How a track trains and predicts: one loop each."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from medtail.datamodules.core.contract import Track

if TYPE_CHECKING:
    from medtail.datamodules.core.base import ImageDataModule

    from ..grid.cell import Cell
    from .outcome import Scored, Tell

LOOPS: dict[Track, str] = {
    "long_tail": "supervised",
    "few_shot": "episodic",
    "one_class": "one_class",
    "active": "active",
}


class Loop(Protocol):
    """A module with the loop of a track."""

    def run(
        self, cell: "Cell", data: "ImageDataModule", store: Path, devices: int, tell: "Tell"
    ) -> "Scored":
        """Train and score a cell.

        Args:
            cell: what to train.
            data: prepared.
            store: folder of shared stages.
            devices: processes that train together.
            tell: called with a line now and then.
        """
        ...


def loop(track: Track) -> Loop:
    """The loop of a track."""
    return cast(Loop, import_module(f".{LOOPS[track]}", __name__))
