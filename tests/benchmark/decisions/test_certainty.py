"""Intervals of what no record has: as the boards', and as often right as they say."""

import numpy as np
import pytest

from medtail.benchmark.boards.precision import Precision
from medtail.benchmark.boards.replicates import replicates
from medtail.benchmark.boards.section import sections
from medtail.benchmark.decisions import certainty
from medtail.benchmark.decisions.certainty import Values, intervals, ranks
from tests.benchmark.decisions.made import board


def test_they_are_the_boards_where_the_boards_have_them(tmp_path):
    finished, _ = board(tmp_path, ("erm", "ldam", "crt", "focal"), seeds=3)
    from medtail.benchmark.metrics.long_tail import score

    records = [
        r.model_copy(update={"metrics": score(p, p, r.class_counts, False)}) for r, p in finished
    ]
    (section,) = sections(records)
    drawn = replicates(section, {r.cell_id: p for r, p in finished})
    known = Precision(section, drawn)
    rows = {
        name: Values(d.values["recall"][:, :, 1], d.units_of(1), (0, 1, 2))
        for name, d in drawn.items()
    }
    for name, found in intervals(rows, shares=True).items():
        other = known.single(name, "recall", 1)
        assert (found.low, found.high) == pytest.approx((other.low, other.high))


def values(rng, mean, seeds=3, draws=400, training=0.02, samples=0.03, fixed=0.0):
    """A number that one sample moved by ``fixed`` and each training by chance."""
    own = mean + fixed + training * rng.normal(size=(seeds, 1))
    drawn = own + samples * rng.normal(size=(1, draws))
    return Values(np.concatenate([own, drawn], 1), (100, 100), tuple(range(seeds)))


def test_a_clear_order_has_sharp_ranks_and_less_is_better():
    rng = np.random.default_rng(0)
    rows = {n: values(rng, m, training=0.01) for n, m in (("c", 3.0), ("a", 1.0), ("b", 2.0))}
    assert ranks(rows) == {"a": (1, 1), "b": (2, 2), "c": (3, 3)}
    same = {n: values(rng, 1.0) for n in "ab"}
    assert set(ranks(same).values()) == {(1, 2)}


def test_differences_of_rows_know_no_more_than_a_two_way_table(monkeypatch):
    """Four rows over three seeds: 3 x 2 degrees, not those of six pairs on their own."""
    rng, seen = np.random.default_rng(0), []
    moderated = certainty.moderated

    def watched(*given, **named):
        found = moderated(*given, **named)
        seen.append(found[1])
        return found

    monkeypatch.setattr(certainty, "moderated", watched)
    for _ in range(20):  # some of these tables are as alike as can be
        ranks({n: values(rng, 1.0) for n in "abcd"})
    assert np.shape(seen) == (20, 6)
    assert np.max(seen) == 6


def test_intervals_hold_as_often_as_they_say():
    rng, hits = np.random.default_rng(0), []
    for _ in range(150):
        fixed = 0.03 * rng.normal()
        rows = {f"m{k}": values(rng, 1 + k, fixed=fixed) for k in range(6)}
        found = intervals(rows, shares=False)
        hits += [found[f"m{k}"].low <= 1 + k <= found[f"m{k}"].high for k in range(6)]
    assert 0.90 <= np.mean(hits) <= 0.99


def test_shares_stay_within_0_and_1_and_what_is_undefined_is_left_out():
    one = Values(np.ones((2, 50)), (20,), (0, 1))
    none = Values(np.full((2, 50), np.nan), (20,), (0, 1))
    found = intervals({"one": one, "none": none}, shares=True)
    assert set(found) == {"one"}
    assert (found["one"].mean, found["one"].high) == (1, 1)
    assert 0.8 < found["one"].low < 1
    assert intervals({}, shares=True) == {}
    assert ranks({"none": none}) == {}


def test_one_seed_knows_the_samples_alone():
    rng = np.random.default_rng(0)
    rows = {n: values(rng, 1.0, seeds=1) for n in "abc"}
    for found in intervals(rows, shares=False).values():
        assert 0.05 < found.high - found.mean < 0.08  # 1.96 times .03, and .02 of no training
