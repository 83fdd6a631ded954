"""The command that makes the small form of a dataset: ``medtail data prepare``."""

from pathlib import Path
from typing import Annotated

import typer

from . import terminal
from .data import DataNameArgument, Settings, Size, built
from .options import published

console = terminal.console()


def prepare(
    name: DataNameArgument,
    size: Size = "28",
    settings: Settings = [],  # noqa: B006 (typer reads the default)
    to: Annotated[
        Path | None, typer.Option("--to", help="Another data root, such as a disk to carry.")
    ] = None,
) -> None:
    """Make the small form of a dataset from its download: one size, two files, no originals.

    It serves a machine without the originals, or with another image decoder. Says whether these
    are the pixels that the boards stand on.
    """
    from medtail.datamodules.core.pixels import prepared

    module = built(name, size, settings)
    module.prepare()
    root = to or module.root
    path = prepared.place(root, module.name.dataset, module.image_size)
    if module.prepared is None or path.resolve() != module.prepared.path.resolve():
        ids = module.table.id.tolist()
        prepared.write(path, ids, module.store, module.recipe, module.source)
    content = module.content
    mib = path.stat().st_size / 2**20
    said = [
        f"{path} and {path.with_suffix('.json').name}: {len(module.table):,} images, {mib:.0f} MiB",
        f"pixels {content.pixels}: {content.recipe}",
        *_against_boards(str(module.name.source), module.image_size, content.pixels),
    ]
    for line in said:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _against_boards(source: str, size: tuple[int, int], pixels: str) -> list[str]:
    """Which boards of a dataset stand on these pixels, and which on others."""
    from ..evidence.record import read_lines
    from ..execution.renewal import VERSIONS

    folder = published()
    same: dict[str, None] = {}
    other: dict[str, str] = {}
    for path in sorted(folder.glob(f"records/{source}@*.jsonl")) if folder else []:
        for record in read_lines(path):
            if record.content and record.cell.terms.image_size == size:
                if record.content.pixels == pixels:
                    same[path.stem] = None
                else:
                    other[path.stem] = record.content.recipe
    lines = [f"the same pixels as those of the boards {', '.join(same)}"] if same else []
    lines += [f"not the pixels of the board {data} ({recipe})" for data, recipe in other.items()]
    return [*lines, VERSIONS] if other else lines or [f"no board here stands on {source} at {size}"]
