"""Boards of the long tail: images of three classes in groups, and a validation split."""

from collections.abc import Iterator

import numpy as np

from medtail.benchmark.metrics import long_tail, operating_point
from medtail.benchmark.statistics.intervals import auc

from .world import Floats, Ints, Result, Truth, World, of_images, record

GROUPS = (150, 60, 20)
SHARED, OWN, TRAINING, GROUP = 0.8, 0.6, 0.4, 0.6
FAVOUR = np.array([[0.8, 0.2, -0.6], [0.2, 0.1, 0.0], [0.5, 0.0, -0.2]])


def logits_of(
    world: World, row: int, target: Ints, shared: Floats, rng: np.random.Generator
) -> Iterator[Floats]:
    """[N, 3] logits of one training after another."""
    clean = world.skill[row] * np.eye(3)[target] + FAVOUR[row % 3] + shared
    clean = clean + rng.normal(0, OWN, clean.shape)
    while True:
        offset = rng.normal(0, world.sigma[row], 3)
        yield clean + offset + rng.normal(0, TRAINING, clean.shape)


def validation(sets: int) -> Ints:
    """Classes of the images of so many validation splits: half of the test's groups, one each."""
    return np.tile(np.repeat(np.arange(3), np.array(GROUPS) // 2), sets)


def truth(
    world: World, rng: np.random.Generator, seeds: int = 300, images: int = 1500, sets: int = 60
) -> Truth:
    """By many trainings on many images, with points fitted to one of many validation splits."""
    true: Truth = {}
    target = np.repeat(np.arange(3), images)
    every = np.concatenate([target, validation(sets)])
    weight = np.array(GROUPS) / sum(GROUPS)
    one = np.ones((2 * images, 1), np.float32)
    for row in range(len(world.skill)):
        shared = rng.normal(0, np.hypot(SHARED, GROUP), (len(every), 3))
        found = logits_of(world, row, every, shared, rng)
        recall, area, fitted = np.zeros(3), np.zeros(3), np.zeros(3)
        for seed in range(seeds):
            logits = next(found)
            held = np.split(logits[len(target) :], sets)[seed % sets]
            point = operating_point.fitted(of_images(held, validation(1)))
            test = of_images(logits[: len(target)], target)
            chance = test.probabilities
            recall += (chance.argmax(1) == target).reshape(3, images).mean(1)
            fitted += operating_point.recalls(test, point[None], np.ones((1, len(target))))[0]
            for k in range(3):
                others = [j for j in range(3) if j != k]
                rest = weight[others] / weight[others].sum()
                each = [
                    auc(chance[(m := (target == k) | (target == j)), k], target[m] == k, one)[0]
                    for j in others
                ]
                area[k] += rest @ each
        recall, area, fitted = recall / seeds, area / seeds, fitted / seeds
        name = f"m{row:02d}"
        wholes = {"balanced_accuracy": recall, "fitted_balanced_accuracy": fitted}
        wholes |= {"macro_auc": area}
        true |= {(name, metric, None): float(v.mean()) for metric, v in wholes.items()}
        true |= {(name, "recall", k): recall[k] for k in range(3)}
        true |= {(name, "auc", k): area[k] for k in range(3)}
    return true


def board(world: World, seeds: int, rng: np.random.Generator) -> Iterator[Result]:
    """One draw; validation is one split for all rows, too."""
    sizes = [rng.integers(1, 3, g) for g in GROUPS]
    target = np.concatenate([np.full(s.sum(), k) for k, s in enumerate(sizes)])
    group = np.repeat(np.arange(sum(GROUPS)), np.concatenate(sizes))
    held = validation(1)
    each = np.concatenate([group, sum(GROUPS) + np.arange(len(held))])
    shared = rng.normal(0, GROUP, (each.max() + 1, 3))[each]
    shared = shared + rng.normal(0, SHARED, shared.shape)
    counts = (900, 300, 60)
    for row in range(len(world.skill)):
        found = logits_of(world, row, np.concatenate([target, held]), shared, rng)
        for seed in range(seeds):
            logits = next(found)
            given = of_images(logits[: len(target)], target, group)
            val = of_images(logits[len(target) :], held)
            facts = {
                "class_names": ("a", "b", "c"),
                "class_counts": counts,
                "support": tuple(np.bincount(target).tolist()),
                "metrics": long_tail.score(given, val, counts, ordinal=False),
                "validation": val.digest,
            }
            yield record(row, seed, "made@natural", given, **facts), given, val
