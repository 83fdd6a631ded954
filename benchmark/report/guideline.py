"""What a reporting guideline is here: its items, and which topics of the records speak to them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """An item.

    Attributes:
        number: as the guideline counts it.
        title: what it asks for, in a few words of ours.
        author: what the author adds; empty where the records say it all.
        topics: of ``statements`` that fill it; none where only the author can.
    """

    number: str
    title: str
    author: str
    topics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Guideline:
    """A guideline.

    Attributes:
        title: with its edition.
        source: where it was published.
        items: in order.
    """

    title: str
    source: str
    items: tuple[Item, ...]
