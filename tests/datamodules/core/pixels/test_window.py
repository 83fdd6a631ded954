"""Windows: what is read of text and YAML, and the levels against a transcription."""

import numpy as np
import pytest

from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.pixels.window import Window


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([-160, 240], "[-160, 240]"), ((0, 4095.5), "[0, 4095.5]"), ("[-160, 240]", "[-160, 240]"),
        ("-160,240", "[-160, 240]"), ("[1e2, 4.5e3]", "[100, 4500]"), ("p1-p99", "p1-p99"),
        ("P0.5 - P99.5", "p0.5-p99.5"), ("file", "file"), ("FILE", "file"),
    ],
)  # fmt: skip
def test_what_is_written_and_what_it_means(given, text):
    window = Window.parse(given)
    assert str(window) == text
    assert Window.parse(str(window)) == window == Window.parse(window)


@pytest.mark.parametrize(
    "given",
    ["", "p1", "p99-p1", "p5-p5", "p0-p101", [1], [1, 2, 3], [5, 5], [9, 1], ["a", "b"], True, 5,
     [0, float("inf")], [0, float("nan")], "1-99", "lung", {"low": 1}, [True, False], "[1e999, 2]"],
)  # fmt: skip
def test_what_is_no_window_is_one_line(given):
    with pytest.raises(MedtailError, match=r"window=") as caught:
        Window.parse(given)
    assert "\n" not in str(caught.value)


def test_levels_are_linear_between_and_clipped_beyond():
    values = np.array([[-5000.0, -160, -60, 40, 240, 9999]])
    np.testing.assert_allclose(
        Window.parse([-160, 240]).levels(values), [[0, 0, 63.75, 127.5, 255, 255]]
    )


def test_percentiles_are_of_the_counted_pixels_alone():
    values = np.random.default_rng(0).normal(1000, 50, (40, 40))
    low, high = np.sort(values.ravel())[[16, -17]]  # 1 and 99 % of 1600, give or take a neighbour
    levels = Window.parse("p1-p99").levels(values)
    assert abs((levels <= 0).mean() - 0.01) < 0.002
    assert abs((levels >= 255).mean() - 0.01) < 0.002
    np.testing.assert_allclose(levels, np.clip((values - low) / (high - low), 0, 1) * 255, atol=8)
    padded = values.copy()
    padded[:20] = -32000
    half = Window.parse("p1-p99").levels(padded, padded > 0)
    np.testing.assert_array_equal(half[20:], Window.parse("p1-p99").levels(values[20:]))
    assert (half[:20] == 0).all()
    nothing = np.zeros(values.shape, bool)
    np.testing.assert_array_equal(Window.parse("p1-p99").levels(values, nothing), levels)


def test_one_value_is_black_and_what_is_above_white():
    window = Window.parse("p1-p99")
    assert (window.levels(np.full((4, 4), 7.0)) == 0).all()
    spot = np.zeros((40, 40))
    spot[3, 3] = 9
    assert window.levels(spot).sum() == 255


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_finite_numbers_are_refused(value):
    with pytest.raises(ValueError, match="no finite numbers"):
        Window.parse([0, 1]).levels(np.array([[0.0, value]]))
