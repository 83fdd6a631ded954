"""What a regime decides about a dataset, and what it decides it from."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..contract import EpisodeShape, Track, Validation
from ..names import DataName
from . import regimes

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Facts:
    """What a plan is made from.

    Attributes:
        name: of the data, with its regime.
        class_names: of the dataset.
        ordinal: whether they are ordered.
        target: [N] classes.
        group: [N] groups that must not be torn apart.
        split: [N] ``train``, ``val`` or ``test``.
        seed: of whatever is drawn.
        rare_names: classes that the dataset's protocol calls rare; empty for those with the fewest
            training images.
        validation: whether the regime cuts validation as it cuts training.
    """

    name: DataName
    class_names: tuple[str, ...]
    ordinal: bool
    target: Rows
    group: NDArray[np.str_]
    split: NDArray[np.str_]
    seed: int = 0
    rare_names: tuple[str, ...] = ()
    validation: Validation = "whole"

    def rows(self, split: str) -> Rows:
        """Rows of a split."""
        return np.flatnonzero(self.split == split)

    @property
    def counts(self) -> regimes.Counts:
        """[K] images of each class in the training split."""
        return np.bincount(self.target[self.split == "train"], minlength=len(self.class_names))

    @property
    def rare(self) -> tuple[int, ...]:
        """Indices of the rare classes: those of ``rare_names``, else 3 of 7 with fewest images."""
        if self.rare_names:
            return tuple(self.class_names.index(name) for name in self.rare_names)
        amount = max(1, 3 * len(self.class_names) // 7)
        return tuple(sorted(np.argsort(self.counts, kind="stable")[:amount].tolist()))


@dataclass(frozen=True)
class Plan:
    """What is trained, validated and tested.

    Attributes:
        track: the problem setting.
        class_names: K names of the classes that are trained.
        target: [N] index among ``class_names``; few-shot: of a rare class K, K + 1, ... in the
            order of ``sought``.
        train: rows to train on; active: those labelled at the start.
        val: rows to select on.
        test: rows that are scored.
        wanted: K training counts that the regime asks for.
        ordinal: whether the classes are ordered.
        sought: few-shot: names of the rare classes, which are tested.
        rare: active: indices of the classes that are sought.
        episodes: few-shot: shape of an episode.
        rest: few-shot: whether all images that a test episode leaves are its queries, whatever
            ``episodes`` says of their number.
        withheld: rows of the training split whose labels the regime keeps from methods.
        query: active: labelled rows of the rare classes that show what is sought.
        pool: active: rows that may be labelled.
    """

    track: Track
    class_names: tuple[str, ...]
    target: Rows
    train: Rows
    val: Rows
    test: Rows
    wanted: regimes.Counts
    ordinal: bool = False
    sought: tuple[str, ...] = ()
    rare: tuple[int, ...] = ()
    episodes: EpisodeShape | None = None
    rest: bool = False
    withheld: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    query: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    pool: Rows = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def names(self) -> tuple[str, ...]:
        """Names by ``target``: the trained classes, then those sought."""
        return (*self.class_names, *self.sought)
