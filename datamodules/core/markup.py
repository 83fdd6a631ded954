"""Names and sentences that somebody wrote, on a page of Markdown: shown, never obeyed."""

import re

# Within a word an underscore has no meaning to Markdown.
MEANT = re.compile(r"[\\`*{}\[\]<>#|~$&]|(?<![^\W_])_|_(?![^\W_])")


def inert(text: str) -> str:
    """Text on one line, without a meaning to Markdown or HTML, in a table or not."""
    return MEANT.sub(r"\\\g<0>", " ".join(text.split()))
