"""Episodes: small tasks of N classes, k labelled images of each, and queries to classify.

An episode's classes are in a random order, which is their labels: a network cannot learn them by
heart. Its images stand support first, both parts class by class. No group (lesion) stands on both
sides, nor has a drawn image twice.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, DistributedSampler

from ..contract import Batch, EpisodeShape
from ..errors import DataError, MedtailError
from .rows import Rows
from .samplers import Draw

Ints = NDArray[np.int64]
Odds = Mapping[tuple[int, ...], float]
TRIES = 100  # support sets drawn anew, where lesions of several classes leave too few queries
VALIDATION_EPISODES = 40
TEST, VALIDATION, TRAINING = range(3)  # streams of random numbers that never meet


class Episode(NamedTuple):
    """One task, in the order that the module's docstring gives.

    Attributes:
        rows: [M] rows of the table.
        target: [M] labels within the episode.
        epoch: in which it is shown.
        position: of its first image in the epoch, which seeds the augmentation.
    """

    rows: Ints
    target: Ints
    epoch: int = 0
    position: int = 0


@dataclass(frozen=True)
class Urn:
    """What episodes are drawn from: images of some classes, and the groups they belong to.

    Attributes:
        name: of the data and the split, for messages.
        rows: class -> rows of the table.
        group: [N] group of every row of the table, as numbers.
        shape: of an episode, with no more queries than the images allow.
        rest: whether all images of an episode's classes that share no group with its support set
            are its queries, ``n_query`` of each class at least.
    """

    name: str
    rows: Mapping[int, Ints]
    group: Ints
    shape: EpisodeShape
    rest: bool = False

    def draw(self, classes: Sequence[int], rng: np.random.Generator) -> Episode:
        """An episode of the given classes, labelled in random order."""
        _, k, q = self.shape
        order = rng.permutation(np.asarray(classes))
        for _ in range(TRIES):
            support = np.concatenate([rng.choice(self.rows[c], k, replace=False) for c in order])
            seen = self.group[support]
            left = [self.rows[c][~np.isin(self.group[self.rows[c]], seen)] for c in order]
            if min(map(len, left)) >= q:
                if not self.rest:
                    left = [rng.choice(rows, q, replace=False) for rows in left]
                labels = np.arange(len(order))
                target = np.concatenate([labels.repeat(k), labels.repeat([*map(len, left)])])
                return Episode(np.concatenate([support, *left]), target)
        raise DataError(
            f"{self.name}: groups hold so many images that {k} + {q} images of each class cannot "
            "be drawn without a group on both sides: take fewer shots"
        )

    def random(self, rng: np.random.Generator, odds: Odds | None = None) -> Episode:
        """An episode of random classes, by the odds of their sets where there are any."""
        if odds is None:
            chosen = rng.choice(sorted(self.rows), self.shape.n_way, replace=False)
            return self.draw(chosen.tolist(), rng)
        sets = list(combinations(sorted(self.rows), self.shape.n_way))
        share = np.array([odds[one] for one in sets])
        return self.draw(sets[rng.choice(len(sets), p=share / share.sum())], rng)

    def fixed(self, amount: int, seed: int, stream: int) -> list[Episode]:
        """The first episodes of a frozen list: it depends on the seed and the images alone.

        The sets of classes take turns, so that each is drawn as often as the others.
        """
        sets = list(combinations(sorted(self.rows), self.shape.n_way))
        return [
            self.draw(sets[e % len(sets)], np.random.default_rng((seed, stream, e)))
            for e in range(amount)
        ]


def capacity(group: Ints, k_shot: int) -> int:
    """Queries that a class has left whichever k images support it, for the groups of its images."""
    sizes = np.sort(np.bincount(group))[::-1]
    return int(len(group) - sizes[:k_shot].sum())


def urn(
    name: str, rows: Ints, target: Ints, group: Ints, shape: EpisodeShape, complete: bool
) -> Urn:
    """What a split offers for episodes.

    Where it has too few images, episodes have fewer queries (of each class as many), down to one.

    Args:
        name: of the data and the split, for messages.
        rows: [R] of the split.
        target: [N] classes of the table.
        group: [N] groups of the table, as numbers.
        shape: that is asked for.
        complete: whether every class must take part; else the scarcer half may stay out.

    Raises:
        DataError: too few images.
    """
    by_class = {int(c): rows[target[rows] == c] for c in np.unique(target[rows])}
    left = {
        c: capacity(np.unique(group[r], return_inverse=True)[1], shape.k_shot)
        for c, r in by_class.items()
    }
    ranked = sorted(left.values(), reverse=True)
    needed = len(left) if complete else max(shape.n_way, -(-len(left) // 2))
    queries = min(shape.n_query, ranked[needed - 1]) if len(ranked) >= needed > 1 else 0
    if queries < 1:
        raise DataError(
            f"{name}: too few images for episodes of {shape.n_way} classes with {shape.k_shot} "
            "images each and at least one more to classify: take fewer shots or more data"
        )
    kept = {c: r for c, r in by_class.items() if left[c] >= queries}
    return Urn(name, kept, group, shape._replace(n_query=queries))


def list_digest(episodes: Sequence[Episode], ids: NDArray[np.str_]) -> str:
    """16 hex digits that stand for the images and labels of a list of episodes."""
    sha = hashlib.sha256()
    for episode in episodes:
        sha.update("\n".join(ids[episode.rows]).encode())
        sha.update(episode.target.astype("<i8").tobytes())
    return sha.hexdigest()[:16]


class TaskSampler(DistributedSampler[list[Episode]]):
    """Meta-batches of one epoch, seeded by (seed, epoch, task): rank r takes every k-th task.

    An epoch has about as many images as the training split. ``odds``: see ``DataRequest``.
    """

    def __init__(
        self,
        urn: Urn,
        images: int,
        tasks: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        odds: Callable[[], Odds] | None = None,
    ) -> None:
        if tasks % world:
            raise MedtailError(f"{tasks} tasks a step are not divisible by {world} devices")
        self.urn, self.tasks, self.seed, self.rank, self.world = urn, tasks, seed, rank, world
        self.odds = odds
        self.steps, self.epoch = max(1, images // (tasks * urn.shape.images)), 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this at the start of each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.steps

    def _task(self, number: int, odds: Odds | None) -> Episode:
        rng = np.random.default_rng((self.seed, TRAINING, self.epoch, number))
        place = number * self.urn.shape.images
        return self.urn.random(rng, odds)._replace(epoch=self.epoch, position=place)

    def __iter__(self) -> Iterator[list[Episode]]:
        odds = self.odds() if self.odds else None
        for step in range(self.steps):
            numbers = range(step * self.tasks + self.rank, (step + 1) * self.tasks, self.world)
            yield [self._task(number, odds) for number in numbers]


class FixedTasks(DistributedSampler[list[Episode]]):
    """A list of episodes in order, some a step; rank r of k takes every k-th, without padding."""

    def __init__(
        self, episodes: Sequence[Episode], tasks: int, rank: int = 0, world: int = 1
    ) -> None:
        self.episodes, self.tasks = episodes[rank::world], tasks

    def __len__(self) -> int:
        return -(-len(self.episodes) // self.tasks)

    def __iter__(self) -> Iterator[list[Episode]]:
        for start in range(0, len(self.episodes), self.tasks):
            yield list(self.episodes[start : start + self.tasks])


def places(episodes: Sequence[Episode]) -> list[Draw]:
    """The images of episodes, one after the other."""
    return [
        Draw(int(row), e.epoch, e.position + m, 0) for e in episodes for m, row in enumerate(e.rows)
    ]


class Tasks(Dataset[Batch]):
    """Episodes as batches; one item is a whole step."""

    def __init__(self, images: Rows) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, episodes: list[Episode]) -> Batch:
        """The step of some episodes: uint8 image [T, M, C, H, W], target, index and classes."""
        flat, shape = self.images[places(episodes)], (len(episodes), len(episodes[0].rows))
        target = torch.from_numpy(np.stack([e.target for e in episodes]))
        image = flat.image.view(*shape, *flat.image.shape[1:])
        _, first = np.unique(episodes[0].target, return_index=True)  # the support stands first
        classes = flat.target.view(shape)[:, torch.from_numpy(first)]
        return Batch(image, target, flat.index.view(shape), classes=classes)
