"""Which training images a step sees: seeded by (seed, epoch), so that every rank agrees.

Every sampler of medtail is a ``DistributedSampler``, since it gives each rank its part by itself:
Lightning leaves those alone and would put another one round any other sampler.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DistributedSampler

from ..contract import PK, LastBatch, SamplerName
from ..errors import MedtailError


class Draw(NamedTuple):
    """One image of one step: its row among the training images, and where in the run it stands.

    The place (epoch, position, stream) seeds the image's augmentation, whichever process draws it.
    """

    row: int
    epoch: int
    position: int
    stream: int


def class_probability(
    name: SamplerName, counts: NDArray[np.int64], progress: float
) -> NDArray[np.float64]:
    """Probability of drawing each class, [K] summing to 1; K counts the classes with an image.

    ``instance``: n_c / N. ``class_balanced``: 1 / K. ``square_root``: sqrt(n_c) / sum.
    ``progressive``: (1 - t) n_c / N + t / K with t the share of epochs passed. All four: Kang et
    al., ICLR 2020, section 3, sampling strategies (p_j proportional to n_j^q; q = 1, 0, 1/2, and
    eq. 2). ``reversed``: proportional to n_max / n_c (Zhou et al., CVPR 2020, section 4.2). A class
    without an image is never drawn.
    """
    n, present = counts.astype(np.float64), (counts > 0).astype(np.float64)
    weight = {
        "instance": n,
        "class_balanced": present,
        "square_root": np.sqrt(n),
        "progressive": (1 - progress) * n / n.sum() + progress * present / present.sum(),
        "reversed": present / np.maximum(n, 1),
    }[name]
    probability: NDArray[np.float64] = weight / weight.sum()
    return probability


def stream_size(stream: SamplerName | PK, batch_size: int, classes: int) -> int:
    """Images that a step takes from a stream, over all ranks.

    Args:
        stream: its sampler.
        batch_size: of samplers that are named.
        classes: how many have an image.
    """
    return min(stream.classes, classes) * stream.images if isinstance(stream, PK) else batch_size


class StepSampler(DistributedSampler[list[Draw]]):
    """Yields the draws of one step of this rank: those of the first stream, then those of the
    second.

    ``instance`` is a permutation without replacement, of which an epoch shows each image at most
    once: what does not fill a last batch is dropped, and is another part each epoch, or kept as a
    smaller batch, as PyTorch's loaders do. Every other name draws a class, then an image of it,
    with replacement. ``PK`` draws P classes and K images of each, class after class; of a class
    with fewer, all of them before one comes again. An epoch has as many steps for one as for the
    other: ``len(target) // batch_size``, at least 1, and that smaller one. The batch size is
    global: rank r of k takes the r-th k-th of every batch (of ``PK``, to within an image).
    """

    def __init__(
        self,
        target: NDArray[np.int64],
        streams: tuple[SamplerName | PK, ...],
        batch_size: int,
        seed: int,
        epochs: int,
        rank: int = 0,
        world: int = 1,
        last: LastBatch = "drop",
    ) -> None:
        if batch_size % world:
            raise MedtailError(f"batch_size {batch_size} is not divisible by {world} devices")
        self.target, self.streams, self.batch_size = target, streams, min(batch_size, len(target))
        if self.batch_size >= world:
            self.batch_size -= self.batch_size % world
        self.seed, self.epochs, self.rank, self.world = seed, epochs, rank, world
        self.epoch = 0
        present = len(np.unique(target))
        self.sizes = [stream_size(stream, self.batch_size, present) for stream in streams]
        if min(self.sizes) < world:
            raise MedtailError(f"{min(self.sizes)} images a step are too few for {world} devices")
        self.rest = len(target) % self.batch_size if last == "keep" else 0
        if self.rest % world:
            raise MedtailError(
                f"a last batch of {self.rest} images is not divisible by {world} devices: write "
                "last_batch: drop"
            )

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this at the start of each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return max(1, len(self.target) // self.batch_size) + (self.rest > 0)

    def _places(self, stream: int, step: int) -> range:
        """This rank's places in the rows of a stream's epoch."""
        start, images = step * self.sizes[stream], self._images(stream, step)
        return range(
            start + self.rank * images // self.world, start + (self.rank + 1) * images // self.world
        )

    def _images(self, stream: int, step: int) -> int:
        """Images of a step of a stream."""
        short = self.rest and step + 1 == len(self) and not isinstance(self.streams[stream], PK)
        return self.rest if short else self.sizes[stream]

    def rows(self, stream: int) -> NDArray[np.int64]:
        """The rows of one epoch of one stream, in order: [images of all steps]."""
        rng = np.random.default_rng((self.seed, self.epoch, stream))
        name = self.streams[stream]
        amount = sum(self._images(stream, step) for step in range(len(self)))
        if name == "instance":
            return rng.permutation(len(self.target))[:amount]
        counts = np.bincount(self.target)
        by_class = np.argsort(self.target, kind="stable")
        first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        if isinstance(name, PK):
            return by_class[self._class_by_class(name, counts, first, rng)]
        progress = self.epoch / max(1, self.epochs - 1)
        probability = class_probability(name, counts, progress)
        drawn = rng.choice(len(counts), amount, p=probability)
        chosen: NDArray[np.int64] = by_class[
            first[drawn] + (rng.random(amount) * counts[drawn]).astype(np.int64)
        ]
        return chosen

    def _class_by_class(
        self,
        shape: PK,
        counts: NDArray[np.int64],
        first: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> NDArray[np.int64]:
        """Places in the order of classes, of P classes and K images of each, step after step."""
        present = np.flatnonzero(counts)
        each = min(shape.classes, len(present))
        drawn = [rng.choice(present, each, replace=False) for _ in range(len(self))]
        places = [
            first[c] + np.resize(rng.permutation(counts[c])[: shape.images], shape.images)
            for c in np.concatenate(drawn)
        ]
        return np.concatenate(places)

    def __iter__(self) -> Iterator[list[Draw]]:
        rows = [self.rows(stream) for stream in range(len(self.streams))]
        for step in range(len(self)):
            yield [
                Draw(int(chosen[p]), self.epoch, p, stream)
                for stream, chosen in enumerate(rows)
                for p in self._places(stream, step)
            ]
