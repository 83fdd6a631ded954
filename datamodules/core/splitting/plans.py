"""What a regime makes of a dataset: its classes, and which rows are trained, validated and tested.

Pure functions of labels, groups and splits. The regimes of the long-tail track change the training
rows alone; those of the other tracks have their own notion of classes and of test.
"""

from collections.abc import Callable

import numpy as np

from ..contract import EpisodeShape
from ..errors import DataError
from ..table import SPLITS
from . import regimes
from .plan import Facts, Plan, Rows

N_QUERY = 15  # Li et al. 2020, https://arxiv.org/abs/1907.00354, section 2.3
LABELLED_SHARE = 0.2  # the notebooks of CLINICAL's authors: 20 % labelled, 80 % pool
RARE_RATIO = 8  # rare : frequent images in their notebook on BloodMNIST, 7 : 50 and 56 : 400
POOL_RATIO = 8  # pool : labelled images in the same notebook, 400 : 50
MOST_LABELLED = 50  # images of a frequent class that are labelled there
MOST_SOUGHT = 10  # query images of a rare class, their notebooks on DermaMNIST and ISIC 2018


def plan(facts: Facts) -> Plan:
    """The plan of the regime that ``facts.name`` has.

    Raises:
        MedtailError: unknown regime.
        DataError: the dataset has too few classes or images for it.
    """
    kind, _ = regimes.parse(facts.name.dataset, facts.name.regime)
    if facts.validation != "whole" and regimes.track(facts.name.regime) != "long_tail":
        raise DataError(
            f"{facts.name}: validation: {facts.validation} is for regimes of the long tail: write "
            "validation: whole"
        )
    special: dict[str, Callable[[Facts], Plan]] = {
        "oneclass": one_class,
        "binary": one_class,
        "shot": few_shot,
        "shotall": few_shot,
        "shotrest": few_shot,
        "active": active,
        "activebinary": active_binary,
    }
    return special.get(kind, long_tail)(facts)


def _cut(facts: Facts, rows: Rows, target: Rows, wanted: regimes.Counts) -> Rows:
    kept = regimes.cut(target[rows], facts.group[rows], wanted, facts.seed)
    cut: Rows = rows[kept]
    return cut


def long_tail(facts: Facts) -> Plan:
    """All classes; the training rows cut as the regime asks."""
    name, train = facts.name, facts.rows("train")
    wanted = regimes.wanted_counts(name.dataset, name.regime, facts.class_names, facts.counts)
    kept = train if name.regime == "natural" else _cut(facts, train, facts.target, wanted)
    return Plan(
        "long_tail",
        facts.class_names,
        facts.target,
        kept,
        _validation(facts, wanted),
        facts.rows("test"),
        wanted,
        facts.ordinal,
    )


def _validation(facts: Facts, wanted: regimes.Counts) -> Rows:
    """Validation as it is, or with the share of each class that training keeps, one at least."""
    rows = facts.rows("val")
    if facts.validation == "whole" or facts.name.regime == "natural":
        return rows
    there = np.bincount(facts.target[rows], minlength=len(wanted))
    share = np.rint(there * wanted / facts.counts).astype(np.int64)
    return _cut(facts, rows, facts.target, np.minimum(there, np.maximum(share, 1)))


def one_class(facts: Facts) -> Plan:
    """The most frequent class (given, 0) against all others (abnormal, 1).

    ``oneclass`` trains on the given class and validates on it: no abnormal label is seen before the
    test. ``binary<ratio>`` gives some abnormal labels, and validation as it is.
    """
    kind, _ = regimes.parse(facts.name.dataset, facts.name.regime)
    given = int(facts.counts.argmax())
    names = (facts.class_names[given], f"not {facts.class_names[given]}")
    target = (facts.target != given).astype(np.int64)
    train, val = facts.rows("train"), facts.rows("val")
    available = np.bincount(target[train], minlength=2)
    withheld = train[:0]
    if kind == "oneclass":
        wanted = np.array([available[0], 0])
        withheld, val = train[target[train] == 1], val[target[val] == 0]
        kept = train[target[train] == 0]
    else:
        name = facts.name
        wanted = regimes.wanted_counts(name.dataset, name.regime, names, available)
        kept = _cut(facts, train, target, wanted)
    return Plan(
        "one_class", names, target, kept, val, facts.rows("test"), wanted, withheld=withheld
    )


def few_shot(facts: Facts) -> Plan:
    """Train and validate on the common classes; test on the rare ones, which no training sees.

    The rare images of all splits make the test's episodes, as those of the paper do (Li et al.
    2020, section 2.1): none of them is trained or validated on. Copies that were excluded stay out.
    ``shot<k>rest`` is the test of Sun et al. (Medical Image Analysis 93, 2024, 103102): episodes of
    all rare classes, whose other images are all classified. Training and validation are those of
    ``shot<k>all``.
    """
    kind, shots = regimes.parse(facts.name.dataset, facts.name.regime)
    rare = facts.rare
    common = [k for k in range(len(facts.class_names)) if k not in rare]
    if len(rare) < 2 or len(common) < max(2, len(rare)):
        raise DataError(
            f"{facts.name}: {len(common)} common and {len(rare)} rare classes are too few for "
            "episodes: take a dataset with 5 classes or more"
        )
    order = np.argsort([*common, *rare])
    target: Rows = order[facts.target].astype(np.int64)
    train, val = (facts.rows(s) for s in ("train", "val"))
    train, val = train[target[train] < len(common)], val[target[val] < len(common)]
    return Plan(
        "few_shot",
        tuple(facts.class_names[k] for k in common),
        target,
        train,
        val,
        np.flatnonzero((target >= len(common)) & np.isin(facts.split, SPLITS)),
        np.bincount(target[train], minlength=len(common)),
        sought=tuple(facts.class_names[k] for k in rare),
        episodes=EpisodeShape(2 if kind == "shot" else len(rare), shots, N_QUERY),
        rest=kind == "shotrest",
    )


def active(facts: Facts) -> Plan:
    """A fifth of each class is labelled, the rest is the pool: the natural long tail.

    After the notebooks of CLINICAL's authors on ISIC 2018 and APTOS 2019. The query images, up to
    10 of a rare class, are taken out of the pool's share. No group stands on two sides.
    """
    counts = facts.counts
    labelled = np.maximum(1, np.rint(LABELLED_SHARE * counts).astype(np.int64))
    return _active(facts, labelled, counts)


def active_binary(facts: Facts) -> Plan:
    """Rare and frequent classes with the same count each: 1 to 8, in the labelled set and the pool.

    After the authors' notebook on BloodMNIST: 50 labelled images of a frequent class, 8 times as
    many in the pool. Where the dataset has fewer images, all numbers shrink together.
    """
    counts, rare = facts.counts, np.array(facts.rare)
    sought = np.zeros_like(counts)
    sought[rare] = _sought(counts[rare])
    limit = (counts - sought) / (1 + POOL_RATIO)
    limit[rare] *= RARE_RATIO
    each = int(min(MOST_LABELLED, limit.min()))
    labelled = np.full_like(counts, each)
    labelled[rare] = each // RARE_RATIO
    if labelled.min() < 1:
        raise DataError(
            f"{facts.name}: {int(counts.min())} training images of the rarest class are too few: "
            "take the regime 'active'"
        )
    return _active(facts, labelled, labelled * POOL_RATIO)


def _sought(counts: regimes.Counts) -> regimes.Counts:
    return np.clip(counts // 5, 1, MOST_SOUGHT)


def _active(facts: Facts, labelled: regimes.Counts, pooled: regimes.Counts) -> Plan:
    train, rare = facts.rows("train"), np.array(facts.rare)
    first = _cut(facts, train, facts.target, labelled)
    rest = np.setdiff1d(train, first)
    sought = np.zeros_like(labelled)
    sought[rare] = _sought(facts.counts[rare])
    of_rare = rest[np.isin(facts.target[rest], rare)]
    query = _cut(facts, of_rare, facts.target, sought)
    rest = np.setdiff1d(rest, query)
    left = np.bincount(facts.target[rest], minlength=len(labelled))
    if left[rare].min() < 1:
        raise DataError(
            f"{facts.name}: no image of class '{facts.class_names[rare[left[rare].argmin()]]}' is "
            "left for the pool: take a larger dataset"
        )
    pool = _cut(facts, rest, facts.target, np.minimum(pooled, left))
    return Plan(
        "active",
        facts.class_names,
        facts.target,
        first,
        facts.rows("val"),
        facts.rows("test"),
        labelled,
        facts.ordinal,
        rare=facts.rare,
        query=query,
        pool=pool,
    )
