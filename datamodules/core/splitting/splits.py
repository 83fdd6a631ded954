"""Splits by group, stratified and seeded, with a digest."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..table import SPLITS, SampleTable

FRACTIONS = (0.7, 0.1, 0.2)
HELD = "held"  # the split of a test that stays out while the rest is parted
STARTS = 8  # local searches of ``few_groups_split``, beside that from ``group_split``


def group_split(
    target: NDArray[np.int64],
    group: NDArray[np.str_],
    seed: int,
    fractions: tuple[float, ...] = FRACTIONS,
    names: tuple[str, ...] = SPLITS,
) -> NDArray[np.str_]:
    """Assign whole groups to splits, stratified by class.

    Groups are visited class by class in a seeded order, largest first within it, and each goes to
    the split that is furthest below its share of the images of the group's classes: the deviation
    of a class from its share is at most about one group.

    Args:
        target: [N] class of each image.
        group: [N] group of each image; a group may hold several classes.
        seed: of the order.
        fractions: share of each split, in the order of ``names``.
        names: names of the splits.

    Returns:
        [N] name of the split of each image.
    """
    rng = np.random.default_rng(seed)
    _, group_of = np.unique(group, return_inverse=True)
    counts = np.zeros((group_of.max() + 1, int(target.max()) + 1), np.int64)
    np.add.at(counts, (group_of, target), 1)
    total = counts.sum(0)
    share = np.asarray(fractions)[:, None] * total  # [S, K] images wanted
    held = np.zeros_like(share)
    rarest = np.where(counts > 0, total, np.iinfo(np.int64).max).argmin(1)  # a group's rarest class
    order = np.lexsort((rng.permutation(len(counts)), -counts.sum(1), total[rarest]))
    place = np.empty(len(counts), np.int64)
    for g in order:
        classes = counts[g] > 0
        lack = ((share - held)[:, classes] / share[:, classes]).min(1)
        place[g] = int(lack.argmax())
        held[place[g]] += counts[g]
    return np.asarray(names)[place][group_of]


def balanced_split(
    owner: str,
    target: NDArray[np.int64],
    names: Sequence[str],
    amounts: Mapping[str, int],
    seed: int,
) -> NDArray[np.str_]:
    """So many images of each class in each split, drawn one by one; the others are ``train``.

    Args:
        owner: the data's name, for the message.
        target: [N] class of each image.
        names: of the K classes.
        amounts: images of each class by split.
        seed: of the draw.

    Returns:
        [N] name of the split of each image.

    Raises:
        DataError: a class would have no image left to train with.
    """
    split = np.full(len(target), "train", dtype="<U5")
    rng, held = np.random.default_rng(seed), sum(amounts.values())
    for k in range(len(names)):
        rows = rng.permutation(np.flatnonzero(target == k))
        if len(rows) <= held:
            raise DataError(
                f"{owner}: class {names[k]} has {len(rows)} images: {held} are held out of each "
                "class, and none would be left to train with"
            )
        for split_name, amount in amounts.items():
            split[rows[:amount]], rows = split_name, rows[amount:]
    return split


def few_groups_split(
    target: NDArray[np.int64], group: NDArray[np.str_], seed: int
) -> NDArray[np.str_]:
    """A split for some dozens of large groups: the best of some local searches from seeded starts.

    Minimised is the squared deviation of each class from its share, over the share; a class that is
    absent from a split counts ten times the split's fraction more.
    """
    _, first, of = np.unique(group, return_index=True, return_inverse=True)
    place = np.array([SPLITS.index(s) for s in group_split(target, group, seed)[first]])
    counts = np.zeros((len(first), int(target.max()) + 1))
    np.add.at(counts, (of, target), 1)
    share = np.asarray(FRACTIONS)[:, None]

    def cost(trial: NDArray[np.int64]) -> float:
        held = np.array([counts[trial == s].sum(0) for s in range(len(SPLITS))]) / counts.sum(0)
        return float(((held - share) ** 2 / share + 10 * share * (held == 0)).sum())

    rng = np.random.default_rng(seed)
    starts = [place, *rng.choice(len(SPLITS), (STARTS, len(place)), p=FRACTIONS)]
    place = min((_descend(start, cost) for start in starts), key=cost)
    found: NDArray[np.str_] = np.asarray(SPLITS)[place][of]
    return found


def _descend(
    place: NDArray[np.int64], cost: Callable[[NDArray[np.int64]], float]
) -> NDArray[np.int64]:
    """Move a group to another split, or exchange two, as long as that lowers ``cost``."""
    best, improved = cost(place), True
    while improved:
        improved = False
        for a, b in product(range(len(place)), range(-len(SPLITS), len(place))):
            trial = place.copy()
            trial[a] = place[b] if b >= 0 else b + len(SPLITS)
            if b >= 0:
                trial[b] = place[a]
            if (trial != place).any() and (found := cost(trial)) < best - 1e-9:
                place, best, improved = trial, found, True
    return place


def carve_validation(table: SampleTable, split: NDArray[np.str_], seed: int) -> NDArray[np.str_]:
    """Take one eighth of a given ``train`` as ``val``, by whole groups."""
    train = np.flatnonzero(split == "train")
    group = table.group if table.group is not None else table.id
    part = group_split(table.target[train], group[train], seed, (0.875, 0.125), ("train", "val"))
    carved = split.copy()
    carved[train] = part
    return carved


def split_of(
    name: str,
    table: SampleTable,
    seed: int,
    folds: int = 0,
    fold: int = 0,
    beside: int = 0,
    hold_out: bool = False,
) -> NDArray[np.str_]:
    """The split that a table brings, with ``val`` carved out where it has none; else one by group.

    Of a cross-validation ``test`` is one of some folds, which are made as ``group_split`` makes
    splits, with equal shares; one eighth of the other groups is ``val``.

    Args:
        name: of the data, for messages.
        table: of the samples.
        seed: of what is drawn.
        folds: how many; 0 for one split.
        fold: which of them, from 1.
        beside: another of them that is tested, too; 0 for none.
        hold_out: whether the test that a table brings stays out of its folds, as ``HELD``.

    Returns:
        [N] name of the split of each image.

    Raises:
        DataError: folds of a table with a split of its own, or of fewer groups.
    """
    group = table.group if table.group is not None else table.id
    if not folds:
        if table.split is None:
            return group_split(table.target, group, seed)
        whole = (table.split == "val").any()
        return table.split if whole else carve_validation(table, table.split, seed)
    if table.split is not None and not hold_out:
        raise DataError(
            f"{name} comes with a split of its own, which folds would tear apart: leave folds out, "
            "or keep its test out of them by hold_out: true among its params"
        )
    kept = np.ones(len(table), bool) if table.split is None else table.split != "test"
    if (amount := len(np.unique(group[kept]))) < folds:
        raise DataError(f"{name}: {amount} groups are too few for {folds} folds: take fewer")
    names = tuple(map(str, range(1, folds + 1)))
    part = group_split(table.target[kept], group[kept], seed, (1 / folds,) * folds, names)
    split = np.full(len(table), HELD, "<U5")
    split[kept] = np.where(np.isin(part, [str(fold), str(beside)]), "test", "train")
    return carve_validation(table, split, seed)


def inner_split(
    name: str, table: SampleTable, split: NDArray[np.str_], seed: int, folds: int, fold: int
) -> NDArray[np.str_]:
    """Train and val of a split, parted once more into folds of whole groups.

    One fold is ``test``, an eighth of the other groups ``val``, the rest ``train``. Images of the
    split's own test are in none of them.

    Args:
        name: of the data, for messages.
        table: of the samples.
        split: [N] name of the split of each image.
        seed: of what is drawn.
        folds: how many, at least 2.
        fold: which of them, from 1.

    Raises:
        DataError: more folds than groups.
    """
    rows = np.flatnonzero(np.isin(split, ("train", "val")))
    group = (table.group if table.group is not None else table.id)[rows]
    if (amount := len(np.unique(group))) < folds:
        raise DataError(f"{name}: train and val have {amount} groups, too few for {folds} folds")
    names = tuple(map(str, range(1, folds + 1)))
    part = group_split(table.target[rows], group, seed, (1 / folds,) * folds, names)
    made = np.where(split == "test", HELD, split.astype("<U8"))
    made[rows] = np.where(part == str(fold), "test", "train")
    return carve_validation(table, made, seed)


def split_digest(table: SampleTable, split: NDArray[np.str_]) -> str:
    """First 16 hex digits of the SHA-256 over the sorted lines ``id split``."""
    lines = sorted(f"{i} {s}" for i, s in zip(table.id, split, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def check_split(
    name: str, table: SampleTable, split: NDArray[np.str_], class_names: tuple[str, ...]
) -> None:
    """Raise ``DataError`` where a class has no training image or a split is empty."""
    for part in SPLITS:
        if not (split == part).any():
            raise DataError(
                f"{name}: the {part} split is empty: every dataset needs train, val and test images"
            )
    present = np.bincount(table.target[split == "train"], minlength=len(class_names))
    if (present == 0).any():
        missing = [class_names[c] for c in np.flatnonzero(present == 0)]
        raise DataError(
            f"{name}: no training image of class {', '.join(missing)}: drop the class or add images"
        )
