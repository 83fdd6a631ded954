"""Recall of a class within subgroups of patients: pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FEWEST = 20  # positives: an interval of fewer says next to nothing, and a number of them too much


@dataclass(frozen=True)
class Subgroup:
    """The test images of a class in a subgroup.

    Attributes:
        trait: such as ``age``.
        value: such as ``30 to 49``.
        k: index of the class.
        member: [N] whether a sample is one.
        groups: patients or lesions that these are of.
    """

    trait: str
    value: str
    k: int
    member: NDArray[np.bool_]
    groups: int

    @property
    def positives(self) -> int:
        """How many images."""
        return int(self.member.sum())


def subgroups(
    target: NDArray[np.int64],
    group: NDArray[np.str_],
    traits: Mapping[str, NDArray[np.str_]],
    classes: int,
) -> list[Subgroup]:
    """Every class in every subgroup that has ``FEWEST`` of its images, by trait and class.

    Args:
        target: [N].
        group: [N].
        traits: name -> [N] values, empty where unknown.
        classes: K.
    """
    found = []
    for trait, values in traits.items():
        for k in range(classes):
            for value in ordered(values):
                member = (values == value) & (target == k)
                if member.sum() >= FEWEST:
                    found.append(Subgroup(trait, value, k, member, len(np.unique(group[member]))))
    return found


def ordered(values: NDArray[np.str_]) -> list[str]:
    """What occurs, bands of age by age, without the unknown."""
    from medtail.datamodules.core.subgroups import BANDS

    names = [name for _, name in BANDS]
    known = sorted(set(values.tolist()) - {""})
    return sorted(known, key=lambda v: (names.index(v) if v in names else len(names), v))


def recalls(
    right: NDArray[np.bool_], parts: list[Subgroup], weights: NDArray[np.float32]
) -> Floats:
    """[R, P] share of right decisions in each part, under weights [R, N]; NaN for a draw of none.

    Args:
        right: [N].
        parts: P.
        weights: of samples.
    """
    member = np.stack([part.member for part in parts], 1).astype(np.float32)
    total = (weights @ member).astype(np.float64)
    hits = (weights @ (member * right[:, None])).astype(np.float64)
    share: Floats = np.divide(hits, total, out=np.full(total.shape, np.nan), where=total > 0)
    return share
