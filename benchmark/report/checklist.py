"""Reporting guidelines: which of their items the records fill, and which only the author can."""

from collections.abc import Sequence

from .claim import CLAIM
from .guideline import Guideline, Item
from .marked import clean, markdown
from .statements import Told
from .tripod import TRIPOD

HOW = (
    "Each item is told in a few words of ours: fill in the form of the guideline itself. Filled "
    "(**x**): what the records say, as it stands in methods.md. Partly (**~**): the author adds "
    "what is named. Open (**-**): only the author can fill it."
)


def page(name: str, known: Sequence[Told]) -> str:
    """The lists of a report."""
    parts = [f"# Reporting items of {name}", HOW]
    for guideline in (CLAIM, TRIPOD):
        parts += [f"## {guideline.title}", guideline.source]
        parts.append("\n".join(_line(item, known) for item in guideline.items))
        alone = ", ".join(item.number for item in guideline.items if not item.topics)
        parts.append(f"Only the author can fill: {alone}.")
    return "\n\n".join(parts) + "\n"


def _line(item: Item, known: Sequence[Told]) -> str:
    filled = _filled(item, known)
    mark = "-" if not filled else "~" if item.author else "x"
    rest = f" *Author:* {item.author}." if item.author else ""
    return f"- **{mark} {item.number}** {item.title}.{filled}{rest}"


def _filled(item: Item, known: Sequence[Told]) -> str:
    """What the records say; tables of which they say the same together."""
    texts: dict[str, list[str]] = {}
    for told in known:
        if text := told.text(*item.topics):
            texts.setdefault(text, []).append(clean(told.table.name))
    if len(texts) < 2:
        return "".join(f" {markdown(text)}" for text in texts)
    return "".join(f" [{markdown(', '.join(n))}] {markdown(t)}" for t, n in texts.items())


__all__ = ["CLAIM", "TRIPOD", "Guideline", "Item", "page"]
