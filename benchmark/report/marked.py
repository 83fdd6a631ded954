"""Sentences with code and citations in them, which become Markdown or LaTeX.

A sentence is plain text. What is code or a citation stands between characters of Unicode's private
use, which no name keeps: all else is shown as it is, whatever it says.
"""

import re
from collections.abc import Sequence

from medtail.datamodules.core.markup import inert

from ..boards import formatting
from . import latex

CODE, CITE, END = "\ue000", "\ue001", "\ue002"
SPANS = re.compile(f"({CODE}[^{END}]*{END}|{CITE}[^{END}]*{END})")


def clean(text: object) -> str:
    """Words of somebody on one line, without what marks spans."""
    return " ".join(re.sub(f"[{CODE}{CITE}{END}]", "", str(text)).split())


def code(name: object) -> str:
    """A name that is to be seen as it is written."""
    return f"{CODE}{clean(name)}{END}"


def cite(keys: Sequence[str]) -> str:
    """References by their keys, with the space before them; nothing without any."""
    return f" {CITE}{','.join(keys)}{END}" if keys else ""


def listed(parts: Sequence[str]) -> str:
    """One, two and three."""
    head, last = parts[:-1], parts[-1:]
    return " and ".join([*([", ".join(head)] if head else []), *last])


def markdown(sentence: str) -> str:
    """A sentence on a page of Markdown; citations as Pandoc reads them."""
    made = []
    for part in SPANS.split(sentence):
        if part.startswith(CODE):
            made.append(formatting.code(part[1:-1]))
        elif part.startswith(CITE):
            made.append(f"[{'; '.join(f'@{key}' for key in part[1:-1].split(','))}]")
        else:
            made.append(_inert(part))
    return "".join(made)


def _inert(text: str) -> str:
    """Without a meaning to Markdown, the spaces at its ends kept."""
    ends = [" " * text[:1].isspace(), " " * text[-1:].isspace()]
    return inert(text).join(ends) if text.strip() else " " * bool(text)


def tex(sentence: str) -> str:
    """A sentence in LaTeX."""
    made = []
    for part in SPANS.split(sentence):
        if part.startswith(CODE):
            made.append(latex.code(part[1:-1]))
        elif part.startswith(CITE):
            made.append(rf"\cite{{{part[1:-1]}}}")
        else:
            made.append(latex.text(part))
    return "".join(made).replace(r" \cite{", r"~\cite{")
