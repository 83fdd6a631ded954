"""Names and sentences that somebody wrote, on a page or a terminal: shown, never obeyed."""

import re

# Within a word an underscore has no meaning to Markdown.
MEANT = re.compile(r"[\\`*{}\[\]<>#|~$&]|(?<![^\W_])_|_(?![^\W_])")
# Of C0 and C1 all but tab and line feed, other ends of lines, and what turns the direction of
# writing (https://trojansource.codes).
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
INSTEAD = "\ufffd"


def visible(text: str) -> str:
    """Text without a character that a terminal or an editor would obey; lines and tabs stay."""
    return OBEYED.sub(INSTEAD, text)


def one_line(text: str) -> str:
    """Text on one line, ``visible``."""
    return visible(" ".join(text.split()))


def inert(text: str) -> str:
    """Text on one line, without a meaning to Markdown or HTML, in a table or not."""
    return MEANT.sub(r"\\\g<0>", one_line(text))
