"""Imbalance regimes: what of the training split is kept. Validation and test stay as they are."""

import csv
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract import Track
from ..errors import DataError, MedtailError, unknown

Counts = NDArray[np.int64]
KINDS = {
    "natural": "every training image",
    "lt<ratio>": "exponential profile: class i of K by size keeps n_max * ratio^(-i / (K - 1))",
    "step<ratio>": "the commoner half of classes keeps n_max each, the rarer half n_max / ratio",
    "binary<ratio>": "one-class track, few abnormal labels: the most frequent class (given) "
    "against all others, ratio given images for each abnormal one",
    "oneclass": "one-class track: the most frequent class alone; all others are abnormal",
    "shot<k>": "few-shot track: train on the common classes, test on 2-way k-shot episodes of the "
    "rare ones",
    "shot<k>all": "the same with episodes of all rare classes",
    "shot<k>rest": "the same with all remaining images of the rare classes to classify (Sun et al. "
    "2024)",
    "active": "active track: a fifth of train is labelled, the rest is the pool",
    "activebinary": "active track: rare classes with an eighth of the images of the others, in the "
    "labelled set and the pool",
    "monica<name>": "the class counts of MONICA's published split (arXiv 2410.02010)",
}


def long_tail_counts(available: Counts, ratio: float) -> Counts:
    """Exponential profile (Cui et al., CVPR 2019, section 5.1), exact, as large as ``available``
    allows.

    Classes are ordered by ``available``; class i of K gets floor(n_max * ratio^(-i / (K - 1))),
    where n_max is the largest value for which every class has enough images.

    Args:
        available: [K] training images of each class.
        ratio: largest over smallest class, at least 1.

    Returns:
        [K] counts, in the order of ``available``.
    """
    order = np.argsort(-available, kind="stable")
    profile = ratio ** (-np.arange(len(available)) / max(1, len(available) - 1))
    # n_max * profile < available + 1 for every class, as counts are rounded down.
    largest = np.floor(((available[order] + 1) / profile).min() - 1e-9)
    largest = min(largest, float(available[order][0]))
    wanted = np.empty_like(available)
    wanted[order] = np.floor(largest * profile + 1e-9).astype(np.int64)
    return np.minimum(wanted, available)


def step_counts(available: Counts, ratio: float) -> Counts:
    """Step imbalance (Buda et al., Neural Networks 2018, section 3.1), half of the classes being
    minority ones.

    Args:
        available: [K] training images of each class.
        ratio: majority over minority class, at least 1.

    Returns:
        [K] counts: n_max for the ceil(K / 2) commonest classes, floor(n_max / ratio) for the
        others.
    """
    order = np.argsort(-available, kind="stable")
    majority = order[: (len(order) + 1) // 2]
    minority = order[(len(order) + 1) // 2 :]
    largest = float(available[majority].min())
    if len(minority):
        largest = min(largest, float(np.ceil((available[minority].min() + 1) * ratio) - 1))
    wanted = np.full_like(available, int(largest))
    wanted[minority] = int(largest / ratio)
    return np.minimum(wanted, available)


def binary_counts(available: Counts, ratio: int) -> Counts:
    """The given class against the rest at ``ratio`` : 1, as large as ``available`` allows.

    Args:
        available: [2] training images of the given class and of all others, whichever is larger.
        ratio: given over rest, at least 1.

    Returns:
        [2] counts: g and floor(g / ratio).
    """
    given = min(int(available[0]), (int(available[1]) + 1) * ratio - 1)
    return np.array([given, given // ratio], np.int64)


@cache
def _monica() -> dict[tuple[str, str], dict[str, int]]:
    tables: dict[tuple[str, str], dict[str, int]] = {}
    with (Path(__file__).parent / "monica.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            counts = tables.setdefault((row["dataset"], row["regime"]), {})
            counts[row["class"]] = int(row["count"])
    return tables


def published_counts(dataset: str, regime: str, class_names: tuple[str, ...]) -> Counts:
    """MONICA's training counts of ``dataset``, in the order of ``class_names``.

    Raises:
        MedtailError: MONICA has no such split, or its classes are not these.
    """
    parse(dataset, regime)
    table = {name.lower(): count for name, count in _monica()[dataset, regime].items()}
    keys = [n.lower() if n.lower() in table else str(i) for i, n in enumerate(class_names)]
    if sorted(keys) != sorted(table):
        raise MedtailError(f"{dataset}@{regime}: MONICA's classes are {', '.join(sorted(table))}")
    return np.array([table[key] for key in keys], np.int64)


def monica_counts(
    dataset: str, regime: str, class_names: tuple[str, ...], available: Counts
) -> Counts:
    """MONICA's training counts, capped by what there is (the card states the difference)."""
    return np.minimum(published_counts(dataset, regime, class_names), available)


def track(regime: str) -> Track:
    """The problem setting that a regime belongs to."""
    starts: dict[str, Track] = {
        "shot": "few_shot",
        "oneclass": "one_class",
        "binary": "one_class",
        "active": "active",
    }
    return next((name for start, name in starts.items() if regime.startswith(start)), "long_tail")


def parse(dataset: str, regime: str) -> tuple[str, int]:
    """The kind of a regime and its number: a ratio, or shots.

    Kinds are ``natural``, ``lt``, ``step``, ``binary``, ``monica``, ``oneclass``, ``shot``,
    ``shotall``, ``shotrest``, ``active`` and ``activebinary``.

    Raises:
        MedtailError: unknown regime, or a number below 1.
    """
    if regime in ("natural", "oneclass", "active", "activebinary"):
        return regime, 1
    if regime.startswith("monica"):
        if (dataset, regime) not in _monica():
            known = [r for d, r in _monica() if d == dataset] or [f"{d}@{r}" for d, r in _monica()]
            raise unknown(f"MONICA regime of {dataset}", regime, known)
        return "monica", 1
    match = re.fullmatch(r"(lt|step|binary|shot)(\d+)((?<=\d)(?:all|rest))?", regime)
    if not match or (match[3] and match[1] != "shot"):
        raise unknown("regime", regime, [*KINDS, "lt100", "step50", "binary20", "shot5"])
    if int(match[2]) < 1:
        what = "number of shots" if match[1] == "shot" else "ratio"
        example = "5" if match[1] == "shot" else "100"
        raise MedtailError(
            f"regime '{regime}': the {what} is at least 1, such as {match[1]}{example}"
        )
    return match[1] + (match[3] or ""), int(match[2])


def wanted_counts(
    dataset: str, regime: str, class_names: tuple[str, ...], available: Counts
) -> Counts:
    """[K] training counts that a regime of the long-tail track, or ``binary``, asks for.

    Raises:
        MedtailError: unknown regime, a ratio below 1, or one that leaves a class without an image.
    """
    kind, ratio = parse(dataset, regime)
    if kind == "natural":
        return available.copy()
    if kind == "monica":
        return monica_counts(dataset, regime, class_names, available)
    rules: dict[str, Callable[[Counts, int], Counts]] = {
        "lt": long_tail_counts,
        "step": step_counts,
        "binary": binary_counts,
    }
    wanted = rules[kind](available, ratio)
    if (wanted < 1).any():
        raise DataError(
            f"{dataset}@{regime}: a ratio of {ratio} leaves class "
            f"'{class_names[int(wanted.argmin())]}' without a training image "
            f"(there are {', '.join(map(str, available))}): take a smaller ratio"
        )
    return wanted


def cut(target: Counts, group: NDArray[np.str_], wanted: Counts, seed: int) -> NDArray[np.int64]:
    """Rows to keep so that class c has ``wanted[c]`` images, by whole groups; seeded.

    Within a class, groups come in a seeded order and are kept while they fit: a class can end below
    what was wanted, where no remaining group is small enough, but never empty: its smallest group
    stays even if it is larger. A group that holds several classes is cut class by class.

    Returns:
        [M] sorted rows of ``target``.
    """
    rng = np.random.default_rng(seed)
    kept: list[NDArray[np.int64]] = []
    for c, amount in enumerate(wanted):
        rows = np.flatnonzero(target == c)
        names, of = np.unique(group[rows], return_inverse=True)
        sizes = np.bincount(of, minlength=len(names))
        order = rng.permutation(len(names))
        left, chosen = int(amount), np.zeros(len(names), bool)
        for g in order:
            if sizes[g] <= left:
                chosen[g], left = True, left - int(sizes[g])
        if not chosen.any() and len(names):
            chosen[int(sizes.argmin())] = True
        kept.append(rows[chosen[of]])
    return np.sort(np.concatenate(kept))
