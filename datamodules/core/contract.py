"""What data and methods promise each other: all of ``datamodules`` that ``methods`` may import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:  # names and facts of data need no torch
    from collections.abc import Callable, Mapping

    from torch import Tensor

SamplerName = Literal["instance", "class_balanced", "square_root", "progressive", "reversed"]
Track = Literal["long_tail", "few_shot", "one_class", "active"]
Augmentation = Literal["none", "mirror", "symmetries", "standard", "contrastive", "randcls_sim"]
LastBatch = Literal["drop", "keep"]
Head = Literal["linear", "cosine", "mlp"]
Validation = Literal["whole", "like_train"]
Normalisation = Literal["imagenet", "half", "dataset"]
Constants = tuple[tuple[float, ...], tuple[float, ...]]  # means and deviations of the channels

# ImageNet's constants, which pretrained weights expect; grey images take their mean.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Batch(NamedTuple):
    """One step's samples.

    Attributes:
        image: [B, C, H, W] float, normalised, channels-last; [B, V, C, H, W] where V > 1 views were
            requested; [T, M, C, H, W] where T episodes a step were requested, the support set
            first, M = n_way * (k_shot + n_query). Where features stand in for the images, [D] takes
            the place of [C, H, W].
        target: [B] int64 class indices; of episodes [T, M], counted within the episode.
        index: [B] (of episodes [T, M]) int64 rows of the dataset's table, so that predictions can
            be joined with sample ids.
        second: the batch of the second stream, where one was requested.
        classes: of episodes [T, N] int64: the class that each label 0..N - 1 stands for.
    """

    image: Tensor
    target: Tensor
    index: Tensor  # type: ignore[assignment]  # not the method of tuples
    second: Batch | None = None
    classes: Tensor | None = None


class EpisodeShape(NamedTuple):
    """A few-shot task.

    Attributes:
        n_way: classes of an episode.
        k_shot: support images of each class, whose labels are known.
        n_query: query images of each class, which are to be classified.
    """

    n_way: int
    k_shot: int
    n_query: int

    @property
    def support(self) -> int:
        """Support images of an episode: its first ones."""
        return self.n_way * self.k_shot

    @property
    def images(self) -> int:
        """Images of an episode, M."""
        return self.n_way * (self.k_shot + self.n_query)


@dataclass(frozen=True)
class DataSpec:
    """All that a method may know of its data before training.

    Attributes:
        name: slug such as ``isic2018@lt100``.
        class_names: K names, in the order of the targets. Few-shot: the common classes, which are
            trained on. One-class: the given class, then all others.
        class_counts: K numbers of images in the *training* split, after the regime.
        image_size: (height, width) in pixels.
        in_channels: 1 or 3.
        ordinal: whether the classes are ordered (grades).
        track: the problem setting, which the regime decides.
        episodes: few-shot: shape of the test's episodes.
        withheld: K numbers of training images that the regime keeps from methods, where it keeps
            labels from them (one-class); empty elsewhere.
        rare: active: indices of the classes that are sought.
        mean, std: see ``normalisation``; empty for ImageNet's.
        modality: what the images are, such as ``dermoscopy`` or ``fundus``; empty if unsaid. Prior
            knowledge of a paper may depend on it.
        features: D, where frozen features stand in for the images; 0 for images.
        head: what then stands between them and a method's classifier.
    """

    name: str
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    image_size: tuple[int, int]
    in_channels: int = 3
    ordinal: bool = False
    track: Track = "long_tail"
    episodes: EpisodeShape | None = None
    withheld: tuple[int, ...] = ()
    rare: tuple[int, ...] = ()
    modality: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    features: int = 0
    head: Head = "linear"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what a network is given for one image: [C, H, W], or [D]."""
        return (self.features,) if self.features else (self.in_channels, *self.image_size)

    @property
    def normalisation(self) -> Constants:
        """Mean and standard deviation of each channel that images in [0, 1] are normalised with."""
        if self.mean:
            return self.mean, self.std
        if self.in_channels == 3:
            return MEAN, STD
        return (sum(MEAN) / 3,) * self.in_channels, (sum(STD) / 3,) * self.in_channels

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.class_names)


@dataclass(frozen=True)
class PK:
    """A sampler of P classes and K images of each (Hermans et al., arXiv 1703.07737, section 2).

    Classes are drawn without replacement, P = min(``classes``, classes with an image); images of a
    class are distinct, unless it has fewer than K.
    """

    classes: int
    images: int


@dataclass(frozen=True)
class DataRequest:
    """All that a method may ask of its training loader.

    Attributes:
        sampler: how the training images are drawn, see
            ``medtail.datamodules.core.loading.samplers``. P x K batches have a size of their own,
            and an epoch has as many of them as of the suite's batches.
        second: sampler of a second, independent stream, or None for one stream. A named one has
            the batch size of the first.
        views: number of independently augmented copies of each image.
        augment: whether images go through the suite's augmentation, or the name of another one.
        tasks: where above 0, a step is a meta-batch of so many episodes of ``DataSpec.episodes``'
            shape, drawn from the common classes (few-shot only); an epoch has as many steps as
            show about as many images as the training split has.
        odds: of episodes: asked at the beginning of each epoch for the odds of every set of
            classes (its indices, rising); all alike where it is None.
        made: images that the method itself makes of each it is given and trains on beside it;
            nothing to the loader, but the row says how many images it had.
        withheld: train on the labels that a one-class regime withholds, too; for controls. The
            row of such a method says so.
    """

    sampler: SamplerName | PK = "instance"
    second: SamplerName | PK | None = None
    views: int = 1
    augment: bool | str = True
    tasks: int = 0
    odds: Callable[[], Mapping[tuple[int, ...], float]] | None = None
    made: float = 0
    withheld: bool = False
