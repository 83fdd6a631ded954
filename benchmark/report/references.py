"""References as BibTeX: what docstrings of methods, data modules and CITATION.cff say, no more.

A reference that is not understood is kept whole, as a note; a field that is not given is left out.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from medtail.datamodules.core.errors import MedtailError

from ..cards.docstrings import read
from . import latex

NAME = r"[^\W\d_a-z][\w'\u2019-]+"
AUTHORS = rf"{NAME}(?:(?:, and |, | and | & ){NAME})*(?: et al\.)?"
TITLED = re.compile(rf'(?P<authors>{AUTHORS}), "(?P<title>[^"]+)",\s*(?=(?P<rest>[^";]*))')
UNTITLED = re.compile(
    rf"(?P<authors>{AUTHORS}), (?P<rest>(?:[A-Z]\w+ (?:19|20)\d\d|arXiv \d)[^;]*)"
)
INITIALS = r"[A-Z]\.(?:[ -]?[A-Z]\.)*"
OF_DATA = re.compile(
    rf"(?P<authors>(?:{INITIALS} {NAME}(?:, | and )?)+(?: et al\.)?),? (?P<rest>.+)"
)
JOURNAL = re.compile(
    r"(?:(?P<title>.+), )?(?P<journal>[A-Z][A-Za-z ]+?) (?P<volume>\d+)(?:, (?P<pages>[\w-]+))?"
    r" \((?P<year>(?:19|20)\d\d)\)"
)
MEETING = re.compile(r"(?P<booktitle>[A-Z][\w ]*?) (?P<year>(?:19|20)\d\d)\b")
YEAR = re.compile(r"\W*(?P<year>(?:19|20)\d\d)\b")
ARXIV = re.compile(r"arXiv[: ](?P<eprint>\d{4}\.\d{4,5})(?:, | \()?(?P<year>(?:19|20)\d\d)?")
LINK = re.compile(r"https?://[\w./:?=&#%~+@-]*[\w/]", re.ASCII)
CFF = Path(__file__).with_name("CITATION.cff")  # a copy of the checkout's, which a wheel lacks
FIELDS = (
    *("author", "title", "booktitle", "journal", "howpublished", "volume", "pages", "year"),
    *("eprint", "archiveprefix", "url", "note"),
)


@dataclass(frozen=True)
class Reference:
    """An entry.

    Attributes:
        kind: of BibTeX.
        fields: by name, as plain text; authors are ``author``, one a line.
        key: by which it is cited.
    """

    kind: str
    fields: dict[str, str]
    key: str = ""

    @property
    def bibtex(self) -> str:
        """The entry."""
        told = [(name, self.fields[name]) for name in FIELDS if self.fields.get(name)]
        lines = [f"  {name} = {{{_value(name, text)}}}," for name, text in told]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])


def _value(name: str, text: str) -> str:
    if name == "author":
        return " and ".join(_author(one) for one in text.splitlines())
    if name == "url":  # which \url takes as it is
        return text if LINK.fullmatch(text) else ""
    written = latex.text(text)
    return f"{{{written}}}" if name in ("title", "note") else written  # keeps capitals


def _author(name: str) -> str:
    """A word as it is; several are one name, which BibTeX is not to take apart."""
    written = latex.text(name)
    return written if name == "others" or " " not in name or "." in name else f"{{{written}}}"


def of_method(name: str) -> list[Reference]:
    """What the docstring of a method's module refers to; nothing where there is no such method."""
    try:
        text = read(name).parts["Paper"]
    except MedtailError:
        return []
    found = [_titled(match) for match in TITLED.finditer(text)]
    return found or [_titled(match) for match in UNTITLED.finditer(text)][:1]


def _titled(match: re.Match[str]) -> Reference:
    fields = {"author": _people(match["authors"])}
    if title := match.groupdict().get("title"):
        fields["title"] = title
    return _published(match["rest"].strip(), fields)


def _people(text: str) -> str:
    others = text.endswith(" et al.")
    parts = re.split(r", and |, | and | & ", text.removesuffix(" et al."))
    return "\n".join([p for p in parts if p] + ["others"] * others)


def _published(rest: str, fields: dict[str, str]) -> Reference:
    """Where and when, from the words behind a title."""
    arxiv, link = ARXIV.search(rest), LINK.search(rest)
    more = {"eprint": arxiv["eprint"], "archiveprefix": "arXiv"} if arxiv else {}
    if link or arxiv:
        more["url"] = link[0] if link else f"https://arxiv.org/abs/{more['eprint']}"
    journal, meeting, year = JOURNAL.match(rest), MEETING.match(rest), YEAR.match(rest)
    if arxiv and rest.startswith("arXiv"):
        known, kind = {"year": arxiv["year"] or ""}, "misc"
        more["howpublished"] = f"arXiv:{arxiv['eprint']}"
    elif journal:
        known, kind = {k: v or "" for k, v in journal.groupdict().items()}, "article"
    elif meeting:
        known, kind = meeting.groupdict(), "inproceedings"
    else:
        known, kind = {"year": year["year"]} if year else {}, "misc"
    return Reference(kind, fields | {k: v for k, v in (known | more).items() if v})


def of_data(citation: str) -> list[Reference]:
    """What the citation of a dataset refers to, a part between semicolons each."""
    return [_of_data(part.strip()) for part in citation.split("; ") if part.strip()]


def _of_data(text: str) -> Reference:
    match = OF_DATA.fullmatch(text)
    rest = match["rest"] if match else ""
    fields = {"author": _people(match["authors"].strip(", "))} if match else {}
    journal, arxiv = JOURNAL.fullmatch(rest), re.fullmatch(rf"(.+), {ARXIV.pattern}", rest)
    if journal:
        return _published(rest.removeprefix(f"{journal['title']}, "), fields | _title(journal))
    if arxiv:
        return _published(rest[len(arxiv[1]) + 2 :], fields | {"title": arxiv[1]})
    if match and MEETING.fullmatch(rest):
        return _published(rest, fields)
    return Reference("misc", {"note": text})


def _title(journal: re.Match[str]) -> dict[str, str]:
    return {"title": journal["title"]} if journal["title"] else {}


def of_medtail(versions: list[str]) -> Reference:
    """The software, with the versions that the records name."""
    known: dict[str, Any] = yaml.safe_load(CFF.read_text(encoding="utf-8"))
    people = [_person(author) for author in known.get("authors", [])]
    fields = {
        "author": "\n".join(people),
        "title": str(known["title"]),
        "note": f"Version {', '.join(versions)}" if versions else "",
        "url": str(known.get("url") or known.get("repository-code") or ""),
    }
    if known.get("date-released"):
        fields["year"] = str(known["date-released"])[:4]
    return Reference("misc", {k: v for k, v in fields.items() if v}, "medtail")


def _person(author: dict[str, Any]) -> str:
    given, family = author.get("given-names"), author.get("family-names")
    return f"{family}, {given}" if given and family else str(author.get("name") or family or "")


class Library:
    """References with their keys; the same one is there once, and a fuller one takes its place."""

    def __init__(self) -> None:
        self._known: dict[str, Reference] = {}

    def of(self, method: str) -> list[str]:
        """Keys of what a method refers to."""
        return self.add(of_method(method))

    def add(self, found: list[Reference], prefix: str = "") -> list[str]:
        """Keys of some references.

        Args:
            found: the references.
            prefix: of a key, where nobody is named.
        """
        return [self._key(reference, prefix) for reference in found]

    def _key(self, new: Reference, prefix: str) -> str:
        for key, old in self._known.items():
            if _same(old, new):
                fields = old.fields | new.fields | old.fields
                self._known[key] = replace(old, fields=fields)
                return key
        for key in _keys(new, prefix):
            if key not in self._known:
                self._known[key] = replace(new, key=key)
                return key
        raise AssertionError("keys do not end")

    @property
    def bibtex(self) -> str:
        """All entries, by key."""
        return "\n\n".join(self._known[key].bibtex for key in sorted(self._known))


def _same(one: Reference, other: Reference) -> bool:
    """Whether two are of one work: the title, or without one all that is known of the place."""
    titles = [reference.fields.get("title", "").casefold() for reference in (one, other)]
    if all(titles):
        return titles[0] == titles[1]
    if any(titles):
        places = ("year", "booktitle")
        first = [reference.fields.get("author", "").split("\n")[0] for reference in (one, other)]
        same = all(one.fields.get(p) == other.fields.get(p) and one.fields.get(p) for p in places)
        return bool(first[0] and first[0] == first[1] and same)
    return one.fields == other.fields


def _keys(reference: Reference, prefix: str) -> Iterator[str]:
    """Ever longer ones, of ASCII letters and digits."""
    if reference.key:
        yield reference.key
    fields = reference.fields
    first = fields.get("author", "").split("\n")[0].split(" ")[-1] or prefix
    words = [_plain(word) for word in fields.get("title", "").split()]
    word = next((w for w in words if len(w) > 3), "")
    base = _plain(first) + fields.get("year", "") + word or "reference"
    yield base
    yield from (f"{base}{number}" for number in range(2, 1000))


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", letters.lower())
