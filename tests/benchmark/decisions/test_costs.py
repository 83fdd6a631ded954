"""Costs: by hand, limits, directions, and every mistake that a file of them may have."""

import numpy as np
import pytest

from medtail.benchmark.decisions import costs
from medtail.benchmark.statistics.intervals import group_weights
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.decisions.made import made

NAMES = ("mel", "nv", "df")
GOOD = "truth,nv,mel,df\nmel,9,0,5\nnv,0,2,1\ndf,1,2.5,0\n"
ZERO_ONE = 1.0 - np.eye(3)


def read(tmp_path, text, names=NAMES):
    (tmp_path / "c.csv").write_text(text)
    return costs.read(tmp_path / "c.csv", names)


def test_a_file_is_read_by_the_names_of_its_rows_and_columns(tmp_path):
    expected = [[0, 9, 5], [2, 0, 1], [2.5, 1, 0]]
    assert read(tmp_path, GOOD).tolist() == expected
    lines = GOOD.splitlines()
    turned = "\n".join([lines[0], lines[3], lines[1], lines[2]]).replace(",", ";")
    assert read(tmp_path, turned).tolist() == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("df,1", "bkl,1"), "rows: unknown class 'bkl'"),
        (GOOD.replace("truth,nv", "truth,nev"), "columns: unknown class 'nev': did you mean nv?"),
        (GOOD.replace("df,1", "nv,1"), "the row nv stands twice"),
        ("truth,nv,mel\nmel,9,0\nnv,0,2\ndf,1,2\n", "no column for df"),
        (GOOD.rpartition("df")[0], "no row for df"),
        (GOOD.replace("2.5", "much"), "line 4: the cost of mel where df is true is 'much'"),
        (GOOD.replace("2.5", "inf"), "is 'inf': write a number"),
        (GOOD.replace("2.5", ""), "is '': write a number"),
        (GOOD.replace(",2.5,0", ",2.5"), "too few columns"),
        ("truth,nv,mel,df\n" + "".join(f"{n},1,1,1\n" for n in NAMES), "nothing to decide"),
        ("", "no row below the header"),
    ],
)
def test_a_mistake_is_one_line_that_says_where(tmp_path, text, words):
    with pytest.raises(MedtailError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)
    assert str(caught.value).startswith("--costs ")
    assert "\n" not in str(caught.value)


def test_no_file_is_one_line(tmp_path):
    with pytest.raises(MedtailError, match=r"no\.csv"):
        costs.read(tmp_path / "no.csv", NAMES)


def test_rows_are_truth_and_columns_decisions():
    """Missing mel costs 9; calling all mel costs 2: sure of neither, one calls it mel."""
    matrix = np.array([[0.0, 9.0, 5.0], [2.0, 0.0, 1.0], [2.5, 1.0, 0.0]])
    probability = np.array([[0.3, 0.6, 0.1]])
    by_hand = [0.6 * 2 + 0.1 * 2.5, 0.3 * 9 + 0.1 * 1, 0.3 * 5 + 0.6 * 1]
    assert costs.bayes(probability, matrix).tolist() == [int(np.argmin(by_hand))] == [0]
    target, chosen = np.array([0, 1]), np.array([1, 0])
    one = np.ones((1, 2), np.float32)
    assert costs.expected(target, chosen, matrix, one) == pytest.approx([(9 + 2) / 2])


def test_equal_costs_are_errors_and_the_most_probable_class():
    given = made(0)
    chosen = costs.bayes(given.probabilities, ZERO_ONE)
    assert (chosen == given.probabilities.argmax(1)).all()
    one = np.ones((1, len(chosen)), np.float32)
    found = costs.expected(given.target, chosen, ZERO_ONE, one)
    assert found[0] == pytest.approx((chosen != given.target).mean())


def test_draws_weigh_and_may_have_decisions_of_their_own():
    given = made(0)
    weights = group_weights(given.target, given.group, 4, 0)
    chosen = costs.bayes(given.probabilities, ZERO_ONE)
    each = np.tile(chosen, (4, 1))
    each[2] = 0
    same = costs.expected(given.target, chosen, ZERO_ONE, weights)
    own = costs.expected(given.target, each, ZERO_ONE, weights)
    by_hand = [np.repeat(chosen != given.target, w.astype(int)).mean() for w in weights]
    assert same == pytest.approx(by_hand)
    assert own[[0, 1, 3]] == pytest.approx(same[[0, 1, 3]])
    assert own[2] == pytest.approx(np.repeat(given.target != 0, weights[2].astype(int)).mean())


def test_bayes_decisions_of_true_probabilities_are_the_cheapest():
    """Of all decisions that know the probabilities of nature, in the mean over many images."""
    matrix = np.array([[0.0, 1.0, 1.0], [5.0, 0.0, 2.0], [9.0, 3.0, 0.0]])
    given, one = made(0, (40000, 12000, 6000)), np.ones((1, 58000), np.float32)
    p = given.probabilities
    rivals = [p.argmax(1), costs.bayes(p**2, matrix), costs.bayes(np.sqrt(p), matrix)]
    cheapest = costs.expected(given.target, costs.bayes(p, matrix), matrix, one)[0]
    for chosen in rivals:
        assert costs.expected(given.target, chosen, matrix, one)[0] > cheapest
