"""What a page says of a row's paper comes from the file of its method, as its card does."""

import pytest

from medtail import methods
from medtail.benchmark.boards.papers import _address, paper
from medtail.benchmark.cards.docstrings import parse


def test_every_method_names_the_paper_of_its_card():
    for name in methods.own():
        text, address = paper(name)
        assert text == parse(name).parts["Paper"]
        assert address.startswith("https://") or '"' not in text, name


def test_a_method_of_a_package_has_none():
    assert paper("of_somebody_else") == ("", "")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("A, MICCAI 2020, https://arxiv.org/abs/1907.00354.", "https://arxiv.org/abs/1907.00354"),
        ('A, "T", 2020 (arXiv 1906.03671), algorithm 1.', "https://arxiv.org/abs/1906.03671"),
        (
            'A, "On x & y", ICLR 2020.',
            "https://scholar.google.com/scholar?q=%22On%20x%20%26%20y%22",
        ),
        ("folklore.", ""),
    ],
)
def test_the_paper_itself_comes_before_a_search_for_its_title(text, address):
    assert _address(text) == address
