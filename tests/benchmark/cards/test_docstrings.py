"""Docstrings that are cards: all parts, every argument, no word lost."""

import html
import re
import sys

import pytest
from markdown_it import MarkdownIt

from medtail import methods
from medtail.benchmark.cards.docstrings import PARTS, arguments, escaped, parse

EVERY = pytest.mark.parametrize("name", sorted(methods.registry()))


@EVERY
def test_every_card_has_all_its_parts(name):
    card = parse(name)
    assert tuple(card.parts) == PARTS
    assert card.title.endswith(".")
    assert card.parts["Status"] == f"{methods.get(name).status}."
    whole = " ".join((sys.modules[methods.get(name).__module__].__doc__ or "").split())
    told = " ".join([card.title, *(f"{p}: {text}" for p, text in card.parts.items())])
    assert told == whole, "no word of the docstring is lost"


@EVERY
def test_every_own_parameter_is_described(name):
    told = arguments(methods.get(name))
    for key in methods.defaults(name):
        assert told.get(key), f"{methods.get(name).__name__}: its Args do not say what {key} is"


@EVERY
def test_markdown_shows_what_the_docstring_says(name):
    reader = MarkdownIt("commonmark").enable(["strikethrough", "table"])
    for text in parse(name).parts.values():
        shown = html.unescape(re.sub(r"<.*?>", "", reader.render(f"**P**: {escaped(text)}")))
        assert shown.strip() == f"P: {text.replace('``', '')}"


def test_args_come_from_the_class_that_says_them():
    class Above:
        """A.

        Args:
            one, two: of above,
                in two lines.
            three: above's.

        Raises:
            four: no argument.
        """

    class Below(Above):
        """B.

        Args:
            one: see ``Above``.
            three: its own.
        """

    told = {"one": "of above, in two lines.", "two": "of above, in two lines."}
    assert arguments(Below) == told | {"three": "its own."}
