"""What is kept of ages, sexes and sites: bands and words, and nothing that names a person."""

import pytest

from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.subgroups import kept


def test_ages_become_bands():
    ages = ["0", "29.9", "30", "49", "50.0", "69", "70", "130", "", "unknown", "NaN"]
    assert kept("f", "age", ages) == [
        "under 30",
        "under 30",
        "30 to 49",
        "30 to 49",
        "50 to 69",
        "50 to 69",
        "70 and above",
        "70 and above",
        "",
        "",
        "",
    ]


def test_sexes_are_two_words_and_sites_are_in_one_spelling():
    assert kept("f", "sex", ["M", " female ", "F", "Male", "unknown"]) == [
        "male",
        "female",
        "female",
        "male",
        "",
    ]
    assert kept("f", "site", [" Lower  extremity", "lower extremity", "N/A"]) == [
        "lower extremity",
        "lower extremity",
        "",
    ]


@pytest.mark.parametrize(
    ("trait", "values", "words"),
    [
        ("age", ["12", "old"], "age 'old': write years"),
        ("age", ["-1"], "age '-1'"),
        ("age", ["1950"], "age '1950'"),
        ("age", ["inf"], "age 'inf'"),
        ("sex", ["3"], "sex '3': write male, female or nothing"),
        ("site", [f"Patient {n}" for n in range(41)], "41 different values"),
    ],
)
def test_what_is_none_or_may_name_persons_is_refused(trait, values, words):
    with pytest.raises(DataError, match=words):
        kept("f", trait, values)
