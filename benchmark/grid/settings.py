"""``--set KEY=VALUE``: a small mapping that is merged into a suite, and into what its tables have
of their own.
"""

from difflib import get_close_matches
from textwrap import shorten
from typing import Any

from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.yaml_values import setting

from .mistakes import Mistake, Place
from .suite import DataEntry, Suite

EXAMPLE = "budget.epochs=3"
# What a table may have of its own: a setting of the suite reaches it there, too.
REACHED = tuple(key for key in DataEntry.model_fields if key in Suite.model_fields)


class NoEntryError(MedtailError):
    """A list has no entry of this name or number."""


class Setting:
    """One assignment.

    ``data.isic2018@lt100.budget.epochs=3`` is the mapping ``{data: {isic2018@lt100: {budget:
    {epochs: 3}}}}``. A mapping is merged into a mapping key by key, into a list by the name or the
    number of an entry; all else replaces.

    Attributes:
        written: as the user wrote it.
        places: the values that were set.
        had: data entry -> what it had of its own, which the setting of the suite replaced.

    Raises:
        MedtailError: it is no assignment, or its value is no YAML.
    """

    def __init__(self, written: str) -> None:
        self.written = written
        key, self.value = setting(written, EXAMPLE)
        self.path = tuple(part.strip() for part in key.split("."))
        self.places: list[Place] = []
        self.had: dict[str, str] = {}
        if "" in self.path:
            raise self.wrong(f"write key=value, such as {EXAMPLE}")
        if self.value == {}:
            raise self.wrong("an empty mapping changes nothing")

    def wrong(self, text: str, kind: type[MedtailError] = MedtailError) -> MedtailError:
        """An error that names the assignment."""
        return kind(f"--set {self.written}: {text}")

    def explain(self, mistake: Mistake) -> MedtailError:
        """A mistake of the suite that this setting made."""
        whole = mistake.place in self.places and len(mistake.place) >= len(self.path)
        plain = whole and not isinstance(self.value, dict)
        return self.wrong(mistake.text if plain else mistake.words)

    def apply(self, values: dict[str, Any]) -> dict[str, Any]:
        """A suite, as it is read from YAML, with this setting.

        Raises:
            MedtailError: a list has no such entry, or a value has no parts.
        """
        self.places, self.had = [], {}
        entries = values.get("data")
        if self.path[0] in REACHED and isinstance(entries, list):
            values = values | {"data": [self._in_table(i, e) for i, e in enumerate(entries)]}
        try:
            made: dict[str, Any] = self._merge(values, self._nested(0), ())
        except NoEntryError:  # a method that only tables with methods of their own have
            if not self.places:
                raise
            return values
        return made

    @property
    def told(self) -> str:
        """Which tables had the key for themselves and were changed; empty where none was."""
        entries = ", ".join(f"{name} (which had {old})" for name, old in self.had.items())
        return f"--set {self.written}: also for {entries}" if entries else ""

    def _nested(self, start: int) -> Any:  # noqa: ANN401
        """The value within mappings, one for each part of the path."""
        nested = self.value
        for part in reversed(self.path[start:]):
            nested = {part: nested}
        return nested

    def _in_table(self, number: int, entry: Any) -> Any:  # noqa: ANN401
        """A data entry with the setting in what it has of its own under the same key."""
        key = self.path[0]
        if not isinstance(entry, dict) or entry.get(key) is None:
            return entry
        try:
            made = self._merge(entry[key], self._nested(1), ("data", number, key), 1, own=True)
        except NoEntryError:
            return entry
        if made != entry[key]:
            self.had[str(entry.get("name", number))] = self._words(entry[key])
        return entry | {key: made}

    def _words(self, old: Any) -> str:  # noqa: ANN401
        for part in self.path[1:]:
            old = old.get(part) if isinstance(old, dict) else None
        if isinstance(old, dict) and isinstance(self.value, dict):
            return ", ".join(f"{k} {v}" for k, v in old.items() if k in self.value)
        return "its own" if old is None or isinstance(old, list | dict) else str(old)

    def _merge(
        self,
        old: Any,  # noqa: ANN401
        new: Any,  # noqa: ANN401
        place: Place,
        depth: int = 0,
        own: bool = False,
    ) -> Any:  # noqa: ANN401
        """``old`` with ``new`` in it; what a table has of its ``own`` only where it has the key."""
        if isinstance(new, dict) and isinstance(old, dict):
            made = dict(old)
            for key, value in new.items():
                if key in old or not own:
                    made[key] = self._merge(old.get(key), value, (*place, key), depth + 1, own)
            return made
        if isinstance(new, dict) and isinstance(old, list):
            items = list(old)
            for key, value in new.items():
                at = self._entry(old, key, place, numbers=not own)
                named = isinstance(old[at], str) and isinstance(value, dict)
                item = {"name": old[at]} if named else old[at]
                # An entry of a list inherits nothing: what it lacks is set in it, too.
                items[at] = self._merge(item, value, (*place, at), depth + 1)
            return items
        where = ".".join(map(str, place))
        if isinstance(new, dict) and old is None and where.endswith("methods"):
            raise self.wrong(
                f"there is no list {where}: name a method that a table has of its own, or write "
                f"{where}=[...]",
                NoEntryError,
            )
        if depth < len(self.path) and old is not None:
            raise self.wrong(f"'{where}' is {shorten(repr(old), 40)} and has no parts")
        self.places.append(place)
        return new

    def _entry(self, entries: list[Any], key: str, place: Place, numbers: bool) -> int:
        """The place of the entry that ``key`` names or, where ``numbers`` do, counts from 0."""
        where = ".".join(map(str, place))
        names = [_name(entry) for entry in entries]
        found = [i for i, name in enumerate(names) if name and name == _name(key)]
        if len(found) == 1:
            return found[0]
        if found:
            which = " or ".join(f"{where}.{i}" for i in found)
            raise self.wrong(f"'{key}' stands {len(found)} times in {where}: write {which}")
        if numbers and key.isdecimal() and int(key) < len(entries):
            return int(key)
        known = dict.fromkeys(name for name in names if name)
        near = get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        numbers_only = f"they have numbers, 0 to {len(entries) - 1}"
        raise self.wrong(
            f"no '{key}' in the list {where}: {hint if known else numbers_only}", NoEntryError
        )


def _name(entry: Any) -> str:  # noqa: ANN401
    name = entry.get("name") if isinstance(entry, dict) else entry
    return name.removesuffix("@natural") if isinstance(name, str) else ""
