"""Sample ids as other people write them: with the folders and the ending of the image's file."""

import re
from collections import Counter
from collections.abc import Sequence

from medtail.datamodules.core.pixels.folders import suffix_of


class Ids:
    """Ids of a test, found by what somebody wrote for them.

    Args:
        ids: of the samples, each once.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self.known = set(ids)
        # MedMNIST's own files have the place in the official test split for an id.
        self.places = self.known == {f"test_{place}" for place in range(len(ids))}
        bare = Counter(map(without_ending, ids))
        # Two images of one name and several endings can be told by the whole name only.
        self.bare = {b: i for i in ids if bare[b := without_ending(i)] == 1}

    def find(self, text: str) -> str | None:
        """The id that is meant: itself, or without folders and ending; None for no sample."""
        if text in self.known:
            return text
        if self.places and text.isdecimal():
            place = f"test_{int(text)}"
            return place if place in self.known else None
        parts = re.split(r"[/\\]", text)
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            for name in (tail, without_ending(tail)):
                if name in self.known:
                    return name
                if name in self.bare:
                    return self.bare[name]
        return None


def without_ending(name: str) -> str:
    """A name without the ending of an image file."""
    return name[: len(name) - len(suffix_of(name))]
