"""Paired differences of a table: the intervals are those that its ranks follow from."""

import pytest

from medtail.benchmark.boards.pairs import pairs
from medtail.benchmark.boards.precision import Precision
from medtail.benchmark.boards.replicates import replicates
from medtail.benchmark.boards.section import sections
from medtail.benchmark.boards.standing import compute
from tests.boards import active, done, failed


@pytest.fixture(scope="module")
def table():
    """Three rows of two seeds, one of another seed alone, one that failed."""
    finished = [done(m, s) for m in ("erm", "focal", "ldam") for s in (0, 1)]
    finished += [done("late", 7), failed("gone")]
    (section,) = sections([r for r, _ in finished])
    stored = {r.cell_id: p for r, p in finished if p}
    known = Precision(section, replicates(section, stored))
    return section, stored, known


def test_each_half_is_that_of_the_paired_estimate(table):
    section, stored, known = table
    found = compute(section, stored, "key").pairs
    assert set(found.names) == {"erm", "focal", "ldam", "late"}
    assert "balanced_accuracy" in found.halves
    assert "fitted_balanced_accuracy" not in found.halves  # nothing was held for validation
    seen = 0
    for metric, lines in found.halves.items():
        for i, line in enumerate(lines):
            for j, half in enumerate(line, i + 1):
                one, other = found.names[i], found.names[j]
                if "late" in (one, other):
                    assert half is None  # no seed in common
                    continue
                low, high = (
                    getattr(known.pair(one, other, metric).interval, end) for end in ("low", "high")
                )
                assert half == pytest.approx((high - low) / 2, abs=1e-6)
                assert half > 0
                seen += 1
    assert seen == 3 * len(found.halves)


def test_a_table_whose_rows_cannot_be_compared_has_none():
    finished = [done("erm", 0), done("focal", 1)]
    (section,) = sections([r for r, _ in finished])
    known = Precision(section, replicates(section, {r.cell_id: p for r, p in finished}))
    assert pairs(section, known, ["balanced_accuracy"]).names == ()


def test_seeds_that_are_alike_to_the_last_digit_differ_by_nothing():
    made = [active(m, s, 0.4 + s / 50)[0] for m in ("a", "b", "c") for s in range(3)]
    (section,) = sections(made)
    known = Precision(section, replicates(section, {}))
    found = pairs(section, known, ["rare_accuracy"])
    assert found.halves["rare_accuracy"] == ((0, 0), (0,))
