"""Head, medium and tail: which classes they hold, and their recalls."""

import pytest

from medtail.benchmark.metrics.long_tail import group_cuts, groups, score
from tests.benchmark.metrics.draws import HAM, draw, flat

LT100 = (77, 167, 361, 16, 778, 1678, 36)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (HAM, "tail tail medium tail medium head tail"),
        (LT100, "tail tail medium tail head head tail"),
        ((327, 514, 1099, 115, 1113, 6705, 142), "tail tail medium tail medium head tail"),
        ((80, 80, 80, 4, 4, 4, 4), "head head head tail tail tail tail"),
        ((50, 50, 50, 50, 1, 1, 1), "head head head head tail tail tail"),
        ((486, 128, 206, 194, 66), "head tail medium medium tail"),
        ((1805, 370, 999, 193, 295), "head tail head tail tail"),
        ((30, 30, 30), "medium medium medium"),
        ((100, 101, 99), "medium medium medium"),
        ((399, 147), "head tail"),
        ((100, 60), "medium medium"),
    ],
)
def test_groups_of_known_counts(counts, expected):
    assert groups(counts) == expected.split()


def test_group_recalls_are_means_over_their_classes_present():
    test = draw(7, n=600, classes=7, absent=(3,))
    got = score(test, None, HAM, ordinal=False)
    recall = flat(got["recall"])
    assert got["head_recall"] == recall[5]
    assert got["medium_recall"] == pytest.approx(recall[[2, 4]].mean())
    assert got["tail_recall"] == pytest.approx(recall[[0, 1, 6]].mean())
    assert (got["head_cut"], got["tail_cut"]) == group_cuts(HAM)
    assert got["tail_cut"] == pytest.approx(2 / 3 * 7005 / 7)
    even = score(test, None, [9] * 7, ordinal=False)
    assert even["head_recall"] is None
    assert even["tail_recall"] is None
    assert even["medium_recall"] == even["balanced_accuracy"]
