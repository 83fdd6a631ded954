"""Anomaly maps of test images as a picture, for the page of a method that has maps.

``python tools/anomaly_maps.py docs/cards/methods 'padim on phantom@oneclass'``
draws them with a network that ``medtail bench`` has kept below ``runs/`` and writes ``padim.png``;
``medtail cards`` shows what is there. More networks, more pictures.
"""

import sys
from pathlib import Path

import matplotlib.style
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from medtail import datamodules
from medtail.benchmark.boards.formatting import shortened
from medtail.benchmark.boards.picture import STYLE, png
from medtail.benchmark.cards.pictures import DPI, GAP, free
from medtail.benchmark.networks.finding import find
from medtail.benchmark.networks.network import Network, load
from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.pixels.cache import Pixels
from medtail.methods.core.one_class.base import OneClass

GIVEN, ABNORMAL, SIDE = 2, 3, 92  # images of each kind; pixels of an image in the picture
TITLE, NAME = 24, 20  # pixels: heights of the title and of the names


def examples(data: ImageDataModule) -> list[int]:
    """Test rows: the first given ones, then the first of each of some abnormal classes."""
    rows = data.rows("test")
    given, abnormal = (rows[data.target[rows] == k] for k in (0, 1))
    first = np.unique(data.table.target[abnormal], return_index=True)[1]
    return [*given[:GIVEN].tolist(), *abnormal[first][:ABNORMAL].tolist()]


def maps_of(network: Network, images: list[Pixels]) -> NDArray[np.float32]:
    """[N, H, W] of images [H, W, C] each.

    Raises:
        MedtailError: the method has no maps.
    """
    method = network.method
    if not (isinstance(method, OneClass) and method.has_maps()):
        raise MedtailError(f"{network.title}: the method scores images as a whole")
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    mean, std = (
        torch.tensor(numbers).view(-1, 1, 1) for numbers in network.about.spec.normalisation
    )
    with torch.no_grad():
        given = ((pixels / 255 - mean) / std).to(network.device, network.dtype)
        found: NDArray[np.float32] = method.anomaly_map(given).float().cpu().numpy()
    return found


def sheet(title: str, names: list[str], images: list[Pixels], maps: NDArray[np.float32]) -> bytes:
    """PNG: a column an image, its map below it, all maps on one scale.

    Args:
        title: in a line.
        names: what each image is.
        images: [H, W, C] each.
        maps: [N, H, W].
    """
    across = len(images) * (SIDE + GAP) + GAP
    tall = TITLE + NAME + 2 * (SIDE + GAP)
    low, high = float(maps.min()), float(maps.max())
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure((across / DPI, tall / DPI), dpi=DPI)
        figure.text(GAP / across, 1 - TITLE / 2 / tall, title, va="center", weight="bold", size=7)
        for n, name in enumerate(names):
            left, line = GAP + n * (SIDE + GAP), 1 - (TITLE + NAME / 2) / tall
            figure.text((left + SIDE / 2) / across, line, name, ha="center", va="center", size=7)
            for shown, below in ((images[n].squeeze(), SIDE + 2 * GAP), (maps[n], GAP)):
                place = (left / across, below / tall, SIDE / across, SIDE / tall)
                axes = figure.add_axes(place)
                axes.set_axis_off()
                axes.imshow(shown, cmap="inferno", vmin=low, vmax=high, aspect="auto")
        return png(figure)


def picture(network: Network) -> bytes:
    """PNG of some test images of the network's own data.

    Raises:
        MedtailError: the method has no maps, or the images are not the project's own.
    """
    terms = network.about.cell.terms
    data = datamodules.build(
        terms.data, terms.image_size, normalisation=terms.constants, **terms.arguments
    )
    if not free(data):
        raise MedtailError(f"{data.name}: only the project's own images may be shown in pages")
    data.prepare()
    rows = examples(data)
    images = [data.store.images[row] for row in rows]
    family = datamodules.get(data.name.dataset)
    names = [shortened(family.class_names[data.table.target[row]]) for row in rows]
    told = f"{network.title}: test images, the first {GIVEN} of the given class, and their maps"
    return sheet(told, names, images, maps_of(network, images))


if __name__ == "__main__":
    for name in sys.argv[2:]:
        kept = load(find(name, Path("runs")))
        path = Path(sys.argv[1]) / f"{kept.about.cell.method}.png"
        path.write_bytes(picture(kept))
        print(path)  # noqa: T201
