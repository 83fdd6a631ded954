"""Class examples of a dataset as a picture: a row of training images per class."""

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from medtail import datamodules
from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.pixels.cache import Pixels

from ..boards.formatting import shortened
from ..boards.picture import STYLE, png

OWN = "the project's own"  # begins the licence of images that may be shown anywhere
EXAMPLES, SIDE, GAP, DPI = 6, 64, 4, 100  # images of a class; the rest in pixels
LETTER, TOP, FOOT = 7, 26, 22  # pixels: width of a letter, heights of the title and the foot


def free(module: ImageDataModule) -> bool:
    """Whether its images may be published with the project."""
    return module.licence.startswith(OWN)


def examples(module: ImageDataModule, amount: int = EXAMPLES) -> list[NDArray[np.int64]]:
    """Of each class training rows of different groups, evenly from all of them, in order.

    Args:
        module: prepared, under its natural regime.
        amount: at most so many of a class.
    """
    table, rows = module.table, module.rows("train")
    group = table.id if table.group is None else table.group
    chosen = []
    for target in range(len(module.class_names)):
        mine = rows[table.target[rows] == target]
        each = mine[np.sort(np.unique(group[mine], return_index=True)[1])]
        places = np.linspace(0, len(each) - 1, min(amount, len(each))).round().astype(int)
        chosen.append(each[places])
    return chosen


def images(module: ImageDataModule, rows: NDArray[np.int64]) -> tuple[int, dict[int, Pixels]]:
    """The side of the images in pixels, and [side, side, C] of each row.

    They have ``SIDE`` where there are files for it, else those that were prepared are shown.
    """
    try:
        larger = datamodules.build(module.name.source, SIDE, root=module.root, cache=module.cache)
        larger.table = larger.load_table()
        if np.array_equal(larger.table.id, module.table.id):
            return SIDE, {row: larger.read_image(row) for row in np.sort(rows).tolist()}
    except (DataError, OSError):
        pass  # no larger files
    return module.image_size[0], {row: module.store.images[row] for row in rows.tolist()}


def picture(module: ImageDataModule) -> bytes:
    """PNG; the same images give the same bytes, as the file carries no date and no version."""
    chosen = examples(module)
    stored, pixels = images(module, np.concatenate(chosen))
    times = max(1, SIDE // stored)
    side = stored * times
    names = [
        f"{shortened(name)} ({int((module.target[module.rows('train')] == k).sum()):,})"
        for k, name in enumerate(module.class_names)
    ]
    left = GAP + LETTER * max(map(len, names))
    across = left + EXAMPLES * (side + GAP) + GAP
    tall = TOP + len(chosen) * (side + GAP) + FOOT
    sheet = np.full((tall, across, 3), 255, np.uint8)
    for k, rows in enumerate(chosen):
        for n, row in enumerate(rows.tolist()):
            y, x = TOP + k * (side + GAP), left + n * (side + GAP)
            sheet[y : y + side, x : x + side] = pixels[row].repeat(times, 0).repeat(times, 1)
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure((across / DPI, tall / DPI), dpi=DPI)
        figure.figimage(sheet)
        title = f"{module.name.source}: training images by class"
        figure.text(GAP / across, 1 - TOP / 2 / tall, title, va="center", weight="bold", size=8)
        for k, name in enumerate(names):
            middle = TOP + k * (side + GAP) + side / 2
            figure.text(GAP / across, 1 - middle / tall, name, va="center", size=8)
        foot = f"{stored} x {stored} px. Licence: {module.licence}"
        figure.text(GAP / across, FOOT / 2 / tall, foot, va="center", size=6)
        return png(figure)
