"""Learning curves: the interval after the last training is the one that the board prints."""

import numpy as np
import pytest

from medtail.benchmark.boards.precision import Precision
from medtail.benchmark.boards.replicates import replicates
from medtail.benchmark.boards.rounds import rounds
from medtail.benchmark.boards.section import sections
from medtail.benchmark.evidence.record import read_lines
from tests import ROOT
from tests.boards import active


def varied(method, seed, sd=0.05):
    """With noise in every round; the last is the metric of the record, as the tracks write it."""
    rng = np.random.default_rng([seed, sum(map(ord, method))])
    record, _ = active(method, seed)
    made = []
    for trained in record.rounds:
        value = float(np.clip(trained.metrics["rare_accuracy"] + sd * rng.normal(), 0, 1))
        made.append(trained.model_copy(update={"metrics": {"rare_accuracy": value, "none": None}}))
    metrics = record.metrics | {"rare_accuracy": made[-1].metrics["rare_accuracy"]}
    return record.model_copy(update={"rounds": tuple(made), "metrics": metrics})


def same_as_the_board(section):
    known, found = Precision(section, replicates(section, {})), rounds(section)
    for row in section.rows:
        mean, sd, low, high = found[row.name]["rare_accuracy"][-1]
        expected = known.single(row.name, "rare_accuracy")
        assert (mean, low, high) == pytest.approx((expected.mean, expected.low, expected.high))
        assert sd == pytest.approx(row.of_round("rare_accuracy", section.rounds - 1).sd)
    return found


def test_the_last_round_has_the_interval_of_the_board():
    (section,) = sections([varied(m, s) for m in "abcd" for s in range(3)])
    found = same_as_the_board(section)
    assert {len(course["rare_accuracy"]) for course in found.values()} == {4}
    assert "none" not in found["a"]


def test_so_it_is_on_the_committed_board():
    (section, *_) = sections(read_lines(ROOT / "leaderboards/records/isic2018@active.jsonl"))
    same_as_the_board(section)


def test_seeds_that_disagree_widen_a_band():
    def width(sd):
        (section,) = sections([varied(m, s, sd) for m in "abcd" for s in range(3)])
        return np.mean([s[3] - s[2] for s in rounds(section)["a"]["rare_accuracy"]])

    assert width(0.08) > 2 * width(0.02)


def test_one_seed_has_no_band():
    (section,) = sections([varied(m, 0) for m in "ab"])
    assert rounds(section)["a"]["rare_accuracy"][1][1:] == [None, None, None]
