"""Features of a frozen network, of every symmetry of every image, computed once."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.contract import Constants, DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.loading.rows import normalised
from medtail.methods.core.backbones import build_backbone
from medtail.methods.core.precision import without_autocast
from medtail.methods.core.pretrained.finding import find

from ..grid.cell import Terms
from .store import CachedFeatures, refuse_infinite
from .symmetries import symmetries

SEED = 0  # of a network without weights, which is a control
PIXELS = 2**20  # of a batch: the same for everyone, as its size moves features by 1e-5
NOTE = 30.0  # seconds between what is told and kept


class Extractor(nn.Module):
    """A frozen network: uint8 images [B, C, H, W] -> features [B, D], as they are kept: float16.

    Args:
        spec: of the images.
        constants: they are normalised with.
        backbone: see ``build_backbone``.
        weights: see ``build_backbone``.
    """

    def __init__(self, spec: DataSpec, constants: Constants, backbone: str, weights: Any) -> None:  # noqa: ANN401 - a source or a name
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            self.backbone, self.width = build_backbone(backbone, spec, weights)
        self.constants = constants
        self.requires_grad_(False).eval()
        self.to(memory_format=torch.channels_last)

    def train(self, mode: bool = True) -> "Extractor":
        """Stays in evaluation mode."""
        super().train(False)
        return self

    @without_autocast
    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """uint8 [B, C, H, W] -> float16 [B, D]."""
        weight = next(self.backbone.parameters(), torch.empty(0))
        given = image.to(weight.device).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.backbone(normalised(given, self.constants, torch.float32))
        return features.half()


def extractor_of(terms: Terms, spec: DataSpec) -> Extractor:
    """The frozen network of a table, for images of ``spec``.

    Raises:
        MedtailError: it, or its weights, cannot be had.
    """
    weights = terms.weights.source if terms.weights else "none"
    return Extractor(spec, spec.normalisation, terms.backbone, weights)


def again(terms: Terms, spec: DataSpec, place: str) -> Extractor:
    """The frozen network below a head that was kept.

    Args:
        terms: of the head's table.
        spec: of its data, whose images have features in their place.
        place: of the weights, where they were a file; as a suite names them.

    Raises:
        MedtailError: the weights cannot be had, or are others.
    """
    weights: Any = "none"
    if terms.weights:
        named = f"{terms.weights}"
        if terms.weights.kind == "timm":
            named = f"timm:{terms.weights.name.partition('.')[2]}"
        if terms.weights.kind in ("file", "local-dir") and not place:
            raise MedtailError(
                f"this head takes features of {terms.backbone} with the weights "
                f"{terms.weights.name} (SHA-256 {terms.weights.sha256[:8]}): name them by --weights"
            )
        found = find(place or named, terms.backbone)
        if found is None or found.source.sha256 != terms.weights.sha256:
            raise MedtailError(
                f"weights {place or named}: not those whose features this head takes (SHA-256 "
                f"{terms.weights.sha256[:8]})"
            )
        weights = found.source
    images = replace(spec, features=0, head="linear")
    return Extractor(images, spec.normalisation, terms.backbone, weights)


class Extracted(CachedFeatures):
    """Features of a frozen network, which is built when they have to be computed."""

    def __init__(self, terms: Terms, data: ImageDataModule) -> None:
        spec, size = data.spec, data.image_size
        self.data, self.network = data, extractor_of(terms, spec)
        square = size[0] == size[1]
        self.symmetries = symmetries(terms.augment, square)
        weights = terms.weights.sha256 if terms.weights else f"drawn with seed {SEED}"
        what = {
            "content": data.content.pixels,
            "backbone": terms.backbone,
            "weights": weights,
            "normalisation": [list(numbers) for numbers in spec.normalisation],
        }
        shape = (len(data.table), len(self.symmetries), self.network.width)
        super().__init__(data.cache, data.name.dataset, what, shape, "float16")

    def __getstate__(self) -> dict[str, Any]:
        """For processes that read the file alone."""
        self.ensure()
        return super().__getstate__() | {"data": None, "network": None, "symmetries": []}

    @property
    def step(self) -> int:
        """Images of a batch."""
        height, width = self.data.image_size
        return max(8, min(256, PIXELS // (height * width)))

    def batch(self, rows: slice) -> NDArray[np.float16]:
        """Features [B, V, D] of some rows of the table."""
        pixels = torch.from_numpy(self.data.store.images[rows].copy()).permute(0, 3, 1, 2)
        every = [self.network(turned(pixels)).cpu().numpy() for turned in self.symmetries]
        self.data.store.let_go(rows.stop - rows.start)
        return np.stack(every, 1)

    def estimate(self) -> float:
        """See ``CachedFeatures``; from a batch."""
        start = time.process_time()
        self.batch(slice(0, self.step))
        return (time.process_time() - start) * len(self.data.table) / self.step

    def fill(self, features: NDArray[Any], done: int, mark: Callable[[int], None]) -> None:
        """See ``CachedFeatures``; stopped and called again, it goes on."""
        total, start, noted = len(features), time.perf_counter(), 0.0
        before = done
        if torch.cuda.is_available():
            self.network.cuda()
        while done < total:
            rows = slice(done, min(done + self.step, total))
            features[rows] = found = self.batch(rows)
            refuse_infinite(found, self.title, self.data.table.id[rows])
            done = rows.stop
            spent = time.perf_counter() - start
            if spent - noted > NOTE and done < total:
                noted = spent
                mark(done)
                minutes = spent / (done - before) * (total - done) / 60
                over = f"{done:,} of {total:,} images, {minutes:.0f} min left"
                self.tell(f"features of {self.title}: {over}")
