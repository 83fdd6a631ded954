"""The errors a user can cause. The command line prints their text on one line and exits with 2."""

from collections.abc import Iterable
from difflib import get_close_matches


class MedtailError(Exception):
    """A mistake in the input: its text says what is wrong, where, and what to do."""


class DataError(MedtailError):
    """Something is wrong with a dataset: files, labels, groups, splits or a regime."""


class NeedsImagesError(MedtailError):
    """A method was given features where nothing but images will do: its text says why, a clause."""


class DataMissingError(DataError):
    """The files of a dataset are not there.

    Attributes:
        why: the same in a few words, without how to get them; empty where the text is short.
    """

    def __init__(self, text: str, why: str = "") -> None:
        super().__init__(text)
        self.why = why


def first_line(error: BaseException, length: int = 160) -> str:
    """What an error of another library says, as a clause of one line."""
    lines = str(error).strip().splitlines()
    text = " ".join((lines[0] if lines else type(error).__name__).split())
    return text if len(text) <= length else f"{text[:length]}..."


def unknown(kind: str, name: str, known: Iterable[str]) -> MedtailError:
    """Error for a name that is not registered, with the nearest ones and how to list all.

    Args:
        kind: what was looked up, in the singular (``method``, ``dataset``, ``regime``, ``suite``).
        name: what the user wrote.
        known: every valid name.
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}."
    return MedtailError(f"unknown {kind} '{name}': {hint} (medtail list shows all)")
