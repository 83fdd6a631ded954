"""What data and methods promise each other: all of ``datamodules`` that ``methods`` may import."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor

SamplerName = Literal["instance", "class_balanced", "square_root", "progressive", "reversed"]


class Batch(NamedTuple):
    """One step's samples.

    Attributes:
        image: [B, C, H, W] float, normalised, channels-last; [B, V, C, H, W] where V > 1 views were
            requested.
        target: [B] int64 class indices.
        index: [B] int64 rows of the dataset's table, so that predictions can be joined with sample
            ids.
        second: the batch of the second stream, where one was requested.
    """

    image: Tensor
    target: Tensor
    index: Tensor  # type: ignore[assignment]  # not the method of tuples
    second: "Batch | None" = None


@dataclass(frozen=True)
class DataSpec:
    """All that a method may know of its data before training.

    Attributes:
        name: slug such as ``isic2018@lt100``.
        class_names: K names, in the order of the targets.
        class_counts: K numbers of images in the *training* split, after the regime.
        image_size: (height, width) in pixels.
        in_channels: 1 or 3.
        ordinal: whether the classes are ordered (grades).
    """

    name: str
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    image_size: tuple[int, int]
    in_channels: int = 3
    ordinal: bool = False

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.class_names)


@dataclass(frozen=True)
class DataRequest:
    """All that a method may ask of its training loader.

    Attributes:
        sampler: how the training images are drawn (see ``datamodules.core.samplers``).
        second: sampler of a second, independent stream of the same batch size, or None for one
            stream.
        views: number of independently augmented copies of each image.
        augment: whether images go through the suite's augmentation.
    """

    sampler: SamplerName = "instance"
    second: SamplerName | None = None
    views: int = 1
    augment: bool = True
