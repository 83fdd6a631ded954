"""What a method may declare beside its arguments for a search to draw."""

import pytest

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.base import Method
from medtail.methods.core.ranges import Choice, Range


def test_ends_and_middle():
    assert [Range(1, 3).at(s) for s in (0, 0.5, 0.999999)] == [1, 2, 3]
    assert [Range(0.01, 1, log=True).at(s) for s in (0, 0.5, 0.999999)] == [0.01, 0.1, 1]
    assert Range(1, 9, whole=True).at(0.3) == 3
    assert type(Range(1, 9, whole=True).at(0.3)) is int
    assert [Choice(("a", "b")).at(s) for s in (0, 0.49, 0.5, 0.999999)] == ["a", "a", "b", "b"]
    low = 0.12345  # three digits would fall below it
    assert Range(low, 1).at(0) == low


@pytest.mark.parametrize(
    "make", [lambda: Range(2, 1), lambda: Range(0, 1, log=True), lambda: Choice(("a",))]
)
def test_what_is_none_is_refused_in_a_line(make):
    with pytest.raises(MedtailError, match="give two"):
        make()


def test_no_method_has_any_by_default():
    assert dict(Method.ranges) == {}
