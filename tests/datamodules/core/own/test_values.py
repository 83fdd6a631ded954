"""Labels in a fixed order, several findings refused, groups without names."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.own.values import (
    in_order,
    one_of_columns,
    plain,
    settle,
    without_names,
    wrong_classes,
)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("10 9 2 2", ("2", "9", "10")),
        ("1.0 0.0 2.0", ("0", "1", "2")),
        ("2 1.0 1 2.0", ("1", "2")),
        ("-1 1 0", ("-1", "0", "1")),
        ("0.5 0.25 0.50", ("0.25", "0.5")),
        ("10 9 x", ("10", "9", "x")),
        ("01 1 10 02", ("01", "02", "1", "10")),  # codes, no numbers
        ("1e3 200", ("1e3", "200")),
        ("b a C", ("C", "a", "b")),
        ("True False", ("False", "True")),
    ],
)
def test_the_order_of_labels(labels, expected):
    assert in_order(labels.split()) == expected
    assert in_order(labels.split()[::-1]) == expected


@given(st.lists(st.integers(-50, 50), min_size=1))
def test_numbers_are_ordered_as_numbers_however_they_are_written(numbers):
    written = [f"{n}.0" if k % 2 else str(n) for k, n in enumerate(numbers)]
    assert [int(name) for name in in_order(written)] == sorted(set(numbers))


def test_the_order_does_not_depend_on_the_hash_seed():
    code = (
        "from medtail.datamodules.core.own.values import in_order;"
        "print(in_order(['01', '1', '-0', '0', '001', 'a', '1.0']))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(4)
    }
    assert len(told) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.0", "2"),
        (" 2 ", "2"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1.50", "1.5"),
        ("01", "01"),
        ("a ", "a"),
    ],
)
def test_a_number_is_written_as_short_as_it_can_be(text, expected):
    assert plain(text) == expected


def test_given_classes_by_name_by_number_or_by_place():
    assert settle("t", ["b", "a", "b"], ("b", "a")) == (["b", "a", "b"], ("b", "a"))
    assert settle("t", ["0.0", "2.0", "1.0"], ("0", "1", "2"))[0] == ["0", "2", "1"]
    assert settle("t", ["1", "0"], ("yes", "no"))[0] == ["no", "yes"]
    assert settle("t", ["2.0", "0"], ("x", "y", "z"))[0] == ["z", "x"]
    # A place beside a name is no place: which one it is cannot be known.
    assert settle("t", ["3", "0"], ("1", "2", "3"))[0] == ["3", "0"]


SEVERAL = [
    ["Cardiomegaly", "Cardiomegaly|Emphysema", "No Finding"],
    ["a|b", "c|d"],
    ["a;b", "c"],
    ["a, b", "a", "b"],
    ["a/b", "b", "a"],
    ["a + b", "b", "a"],
    ["a and b", "b", "a"],
    ["0 16", "0", "16"],
    ["['a', 'b']", "['c']"],
    ['["a"]', '["b"]'],
    ["(1, 2)", "(3,)"],
    ["{'a': 1}", "x"],
]


@pytest.mark.parametrize("labels", SEVERAL, ids=str)
def test_several_findings_are_refused_in_one_line(labels):
    with pytest.raises(DataError, match=r"t\.csv: label .* names several findings") as caught:
        settle("t.csv", labels * 3, (), " by --classes A,B")
    assert "\n" not in str(caught.value)
    assert "by --classes A,B" in str(caught.value)


ONE = [
    ["a/b", "c"],
    ["nevus", "nevus, dysplastic", "melanoma"],
    ["basal cell carcinoma", "squamous cell carcinoma"],
    ["benign [B]", "mel", "[/b] other"],
    ["[nv]", "mel"],
    ["(other)", "mel"],
    ["A+", "A-"],
    ["head & neck", "lung"],
    ["No Finding", "Finding"],
]


@pytest.mark.parametrize("labels", ONE, ids=str)
def test_names_of_one_class_with_a_separator_in_them(labels):
    assert set(settle("t", labels, ())[0]) == set(labels)


def test_what_is_listed_as_a_class_is_one():
    assert settle("t", ["a|b", "c"], ("a|b", "c"))[0] == ["a|b", "c"]
    assert settle("t", ["a, b", "a", "b"], ("a", "b", "a, b"))[0] == ["a, b", "a", "b"]
    with pytest.raises(DataError, match=r"'a\|b' names several findings \(a, b\), as do 2 of 4"):
        settle("t", ["a|b", "a", "b", "a|b"], ("a", "b"))


def test_names_that_differ_by_case_only():
    with pytest.raises(DataError, match="'NV' and 'nv' differ by case only"):
        settle("t", ["nv", "NV", "mel"], ())
    assert settle("t", ["nv", "NV"], ("nv", "NV"))[0] == ["nv", "NV"]


def test_one_class_only():
    with pytest.raises(DataError, match="one class only: 'a'"):
        settle("t", ["a", "a"], ())


def test_a_column_for_each_class():
    rows = [("1", "0"), ("0.0", "1.0"), ("True", "")]
    assert one_of_columns("t", rows, ("a", "b")) == ["a", "b", "a"]
    for row, why in (
        (("1", "1"), "row 2: a and b are 1: several findings"),
        (("0", "0"), "row 2: not exactly one of a, b"),
        (("1", "2"), "row 2: not exactly one of a, b"),
        (("0.3", "0.7"), "row 2: not exactly one"),
    ):
        with pytest.raises(DataError, match=why):
            one_of_columns("t", [("1", "0"), row], ("a", "b"))


@pytest.mark.parametrize(
    ("classes", "why"),
    [
        ("ab", "classes='ab': give a list"),
        ([False, True], "False is no name"),
        (["a", None], "None is no name"),
        (["a", "a "], "'a' is empty or stands twice"),
        (["a", ""], "'' is empty"),
        (["a"], "two or more"),
        (["no", "0"], ""),
    ],
)
def test_lists_of_classes(classes, why):
    assert why in wrong_classes(classes) if why else wrong_classes(classes) == ""


def test_groups_lose_their_names_and_stay_apart():
    names = ["Ann", "Bob", "", "Ann", "17"]
    hidden = without_names("skin", names)
    assert hidden[0] == hidden[3] != hidden[1]
    assert hidden[2] == ""
    assert len(set(hidden)) == 4
    assert all(len(h) == 12 and name not in h for h, name in zip(hidden, names, strict=True) if h)
    assert hidden != without_names("chest", names)
    assert hidden == without_names("skin", names)
