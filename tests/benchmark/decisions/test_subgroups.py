"""Recall by subgroup: by counting, and nothing of fewer than twenty."""

import numpy as np
import pytest

from medtail.benchmark.decisions.subgroups import FEWEST, ordered, recalls, subgroups
from medtail.benchmark.statistics.intervals import group_weights
from tests.benchmark.decisions.made import made


def test_only_subgroups_of_twenty_are_there():
    target = np.array([0] * 60 + [1] * 39)
    group = np.array([f"g{n // 2}" for n in range(99)])
    sex = np.array(["female"] * 20 + ["male"] * 40 + ["female"] * 19 + ["male"] * 19 + [""])
    found = subgroups(target, group, {"sex": sex}, 3)
    assert [(s.value, s.k, s.positives, s.groups) for s in found] == [
        ("female", 0, 20, 10),
        ("male", 0, 40, 20),
    ]
    assert FEWEST == 20


def test_what_is_unknown_is_no_subgroup_and_bands_stand_by_age():
    ages = np.array(["70 and above", "", "under 30", "30 to 49", "50 to 69"])
    assert ordered(ages) == ["under 30", "30 to 49", "50 to 69", "70 and above"]
    assert ordered(np.array(["male", "female", ""])) == ["female", "male"]


def test_recalls_are_counted():
    given = made(0)
    site = np.where(np.arange(len(given.id)) % 3 == 0, "back", "face")
    parts = subgroups(given.target, given.group, {"site": site}, 3)
    right = given.probabilities.argmax(1) == given.target
    weights = group_weights(given.target, given.group, 5, 0)
    found = recalls(right, parts, weights)
    for place, part in enumerate(parts):
        mine = (site == part.value) & (given.target == part.k)
        assert (mine == part.member).all()
        for r, w in enumerate(weights.astype(int)):
            drawn = np.repeat(right[mine], w[mine])
            assert found[r, place] == pytest.approx(drawn.mean())
