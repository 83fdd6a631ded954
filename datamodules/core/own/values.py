"""Labels and groups as anybody writes them -> classes in a fixed order, groups without names."""

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ..errors import DataError
from ..subgroups import UNKNOWN

NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")  # no leading zeros: 01 is a code, not a number
STRONG = "|;"  # between findings; in a class's name only where the owner lists it
WEAK = (",", "/", "+", "&", " and ", " ")  # in many a class's name, too
SHOWN = 5
MISSING = ("", "nan", "na", "n/a", "<na>", "null")  # as R, pandas and data bases write them


def plain(label: str) -> str:
    """A number as it is shortest, ``2`` for ``2.0``; any other text without spaces around it."""
    text = label.strip()
    if not NUMBER.fullmatch(text):
        return text
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0")
    short = f"{whole}.{rest}" if rest else whole
    return "0" if short == "-0" else short


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """The distinct labels: by number where all are numbers, else as text."""
    names = sorted({plain(label) for label in labels})
    if all(NUMBER.fullmatch(name) for name in names):
        return tuple(sorted(names, key=float))
    return tuple(sorted({label.strip() for label in labels}))


def wrong_classes(classes: object) -> str:
    """What is wrong with a list of class names; empty where nothing is."""
    if isinstance(classes, str) or not isinstance(classes, Sequence):
        return f"classes='{classes}': give a list of names"
    if odd := [c for c in classes if isinstance(c, bool) or c is None]:
        return f"classes: {odd[0]} is no name: write a word such as no or null in quotes"
    names = Counter(str(c).strip() for c in classes)
    if twice := [name for name, times in names.items() if times > 1 or not name]:
        return f"classes: '{twice[0]}' is empty or stands twice"
    return "" if len(names) > 1 else "classes: give two or more names"


def settle(
    where: str, labels: Sequence[str], given: Sequence[str], hint: str = ""
) -> tuple[list[str], tuple[str, ...]]:
    """Each label as the name of a class, and the classes in order.

    Args:
        where: the file, for messages.
        labels: as they are written, none of them empty.
        given: the classes, where the owner lists them: labels are these, or all are places.
        hint: how the owner lists classes.

    Raises:
        DataError: a label holds several findings, or differs from another by case only; there is
            one class only.
    """
    written = Counter(label.strip() for label in labels)
    classes = tuple(given) or in_order(written)
    _refuse_several(where, written, given, hint)
    exact = {name: name for name in classes}
    alike = {plain(name): name for name in classes if NUMBER.fullmatch(name)} | exact
    names = {label: alike.get(label) or alike.get(plain(label), label) for label in written}
    if given and not set(names.values()) & exact.keys():
        places = {str(c): name for c, name in enumerate(classes)}
        names = {label: places.get(plain(label), label) for label in written}
    if not given:
        _refuse_cases(where, classes, hint)
    if len(classes) < 2:
        raise DataError(f"{where}: one class only: '{classes[0]}'")
    return [names[label.strip()] for label in labels], classes


def _refuse_cases(where: str, classes: Sequence[str], hint: str) -> None:
    alike: dict[str, str] = {}
    for name in classes:
        if (first := alike.setdefault(name.casefold(), name)) != name:
            raise DataError(
                f"{where}: labels '{first}' and '{name}' differ by case only: write one of them, "
                f"or list both{hint}"
            )


def findings(label: str, separator: str) -> list[str]:
    """The parts of a label between separators, without brackets and quotes."""
    return [p for part in label.strip("[](){} ").split(separator) if (p := part.strip(" '\""))]


def is_list(label: str) -> bool:
    """Whether a label is a list as Python or JSON writes it."""
    if not label.startswith(("[", "(", "{")):
        return False
    try:
        return isinstance(ast.literal_eval(label), (list, tuple, set, dict))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False


def _refuse_several(where: str, written: Counter[str], given: Sequence[str], hint: str) -> None:
    """Refuse labels that name several findings.

    One that is listed as a class is none. Else a list, or one with ``STRONG`` between its parts is;
    with ``WEAK``, if all its parts are labels of their own.
    """
    alone = set(given) | {label for label in written if label not in given}
    several: dict[str, list[str]] = {}
    for label in written:
        if label in given:
            continue
        for separator in (*STRONG, *WEAK):
            parts = findings(label, separator)
            if len(parts) > 1 and (separator in STRONG or set(parts) <= alone - {label}):
                several[label] = parts
                break
        if is_list(label):
            several.setdefault(label, findings(label, ","))
    if several:
        label, parts = next(iter(several.items()))
        amount = sum(written[name] for name in several)
        raise DataError(
            f"{where}: label '{label}' names several findings ({', '.join(parts[:SHOWN])}), as do "
            f"{amount} of {written.total()} rows: medtail compares methods for one label of "
            "several classes, so keep one of each image; if it is the name of one class, list the "
            f"classes{hint}"
        )


def one_of_columns(where: str, rows: Sequence[Sequence[str]], columns: Sequence[str]) -> list[str]:
    """The label of each row, whose columns hold one 1 and else 0.

    Raises:
        DataError: a row holds none or several, or something else than 0 and 1.
    """
    found = []
    for number, row in enumerate(rows, 1):
        said = [plain(v.casefold()) for v in row]
        said = [{"true": "1", "false": "0", "": "0"}.get(v, v) for v in said]
        marked = [c for c, v in zip(columns, said, strict=True) if v == "1"]
        if not set(said) <= {"0", "1"} or not marked:
            raise DataError(
                f"{where}, row {number}: not exactly one of {', '.join(columns[:SHOWN])} is 1"
            )
        if len(marked) > 1:
            raise DataError(
                f"{where}, row {number}: {' and '.join(marked[:SHOWN])} are 1: several findings of "
                "one image, and medtail compares methods for one label of several classes"
            )
        found.append(marked[0])
    return found


def without_names(owner: str, groups: Sequence[str]) -> list[str]:
    """A short digest of each group, so that no record or page has the identifier of a person.

    Salted with the dataset's name. It hides identifiers, and protects them against nobody who can
    list all that there may be. What says that nobody knows it (``UNKNOWN``) becomes empty.
    """
    nobody = {"", *(group for group in groups if group.strip().casefold() in UNKNOWN)}
    known = dict.fromkeys(nobody, "")
    for group in groups:
        if group not in known:
            text = f"{owner}\n{group}".encode()
            known[group] = hashlib.blake2b(text, digest_size=6).hexdigest()
    return [known[group] for group in groups]
