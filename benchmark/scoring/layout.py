"""What each column of a file of scores is, told by its content and its name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from medtail.datamodules.core.errors import MedtailError

from .ids import Ids
from .sheet import Sheet, is_number

# What people put before or behind the name of a class whose score a column holds.
WORD = (
    "(?:prob(?:s|a|ability|abilities)?|p|pred(?:s|iction|ictions)?|scores?|logits?|softmax|class"
    "|output|conf(?:idence)?)"
)
BEFORE, BEHIND = re.compile(rf"^{WORD}(?:_|(?=\d))"), re.compile(rf"_{WORD}$")
# Names of a column that scores the second of two classes, once words such as "score" are off.
SECOND = (
    *("score", "abnormal", "abnormality", "anomaly", "outlier", "novelty", "positive"),
    *("prob", "probability", "p", "pred", "prediction", "logit", "output"),
)
IDS = re.compile(r"(image|img|file|sample|case|lesion)?_?(id|name|file|path|filename|image)?")


@dataclass(frozen=True)
class Layout:
    """Places of the columns that count.

    Attributes:
        ids: of the sample ids.
        scores: of every class in order; of two classes the second one's may stand alone.
        seed: of the training's seed; None without one.
        ignored: of the others.
    """

    ids: int
    scores: tuple[int, ...]
    seed: int | None = None
    ignored: tuple[int, ...] = ()


def layout(sheet: Sheet, ids: Ids, classes: Sequence[str]) -> Layout:
    """Find ids by their values and classes by their names; without a header by their place.

    Raises:
        MedtailError: a column that is needed is not there, or two could be it.
    """
    if sheet.head is None:
        return _by_place(sheet, ids, len(classes))
    keys = [_plain(name) for name in sheet.head]
    doubled = next((k for k in keys if k and keys.count(k) > 1), None)
    if doubled:
        raise MedtailError(f"{sheet.path}: the column '{doubled}' stands twice")
    seed = keys.index("seed") if "seed" in keys else None
    found = _best(sheet, ids)
    scores = _classes(sheet, {i: k for i, k in enumerate(keys) if i not in (found, seed)}, classes)
    if found is None:
        found = _named_ids(sheet, keys, scores, ids)
    rest = tuple(i for i in range(len(keys)) if i not in (found, seed, *scores))
    return Layout(found, scores, seed, rest)


def _best(sheet: Sheet, ids: Ids) -> int | None:
    """The column with most ids of the test; None where no column has any."""
    found = [{name for v in column if (name := ids.find(v))} for column in sheet.columns]
    most = max(map(len, found))
    if not most:
        return None
    best = [i for i, names in enumerate(found) if len(names) == most]
    named = [i for i in best if sheet.head and not _is_index(sheet.head[i])]
    best = named or best
    meant = [[ids.find(v) for v in sheet.columns[i]] for i in best]
    if any(other != meant[0] for other in meant[1:]):
        a, b = (sheet.head[i] if sheet.head else f"{i + 1}" for i in best[:2])
        raise MedtailError(
            f"{sheet.path}: the columns '{a}' and '{b}' both hold ids of the test, and different "
            "ones: keep one"
        )
    return best[0]


def _named_ids(sheet: Sheet, keys: list[str], scores: tuple[int, ...], ids: Ids) -> int:
    """The column that should hold ids and holds none of the test, for the message that follows."""
    left = [i for i in range(len(keys)) if i not in scores]
    named = [i for i in left if IDS.fullmatch(keys[i])]
    texts = [i for i in left if not all(map(is_number, sheet.columns[i]))]
    found = next(iter([*named, *texts, *left]), None)
    if found is None:
        raise MedtailError(
            f"{sheet.path}: no column of sample ids: the test has such as {min(ids.known)}"
        )
    return found


def _is_index(name: str) -> bool:
    """Whether pandas calls the index of a table so."""
    return not name or name.startswith("Unnamed:") or name == "index"


def _by_place(sheet: Sheet, ids: Ids, count: int) -> Layout:
    found = _best(sheet, ids)
    if found is None:
        raise MedtailError(
            f"{sheet.path}: no header, and no column of sample ids: the test has such as "
            f"{min(ids.known)}"
        )
    rest = [i for i in range(len(sheet.columns)) if i != found]
    index = [str(n) for n in range(len(sheet.columns[0]))]
    ignored: tuple[int, ...] = ()
    if len(rest) == count + 1 and sheet.columns[rest[0]] == index:
        ignored, rest = (rest[0],), rest[1:]
    if len(rest) != count and (len(rest), count) != (1, 2):
        raise MedtailError(
            f"{sheet.path}: {len(rest)} scores a row, there are {count} classes; write a header "
            "that names the columns"
        )
    return Layout(found, tuple(rest), ignored=ignored)


def _classes(sheet: Sheet, keys: dict[int, str], classes: Sequence[str]) -> tuple[int, ...]:
    """The column of each class: the same words around the name, or the number, of each."""
    count, named = len(classes), [_plain(name) for name in classes]
    # Names that differ by letters' case alone tell nothing; their numbers do.
    ways = [named] * (len(set(named)) == count) + [[str(k) for k in range(count)]]
    styles: dict[tuple[str, str], dict[str, int]] = {}
    for place, key in keys.items():
        for style, core in _cores(key):
            styles.setdefault(style, {})[core] = place
    whole = {
        tuple(cores[k] for k in way)
        for cores in styles.values()
        for way in ways
        if all(k in cores for k in way)
    }
    if len(whole) == 1:
        (found,) = whole
        _no_more(sheet, keys, styles, found)
        return found
    if whole:
        sets = [" ".join(sheet.head[i] for i in places) for places in sorted(whole)]  # type: ignore[index]
        raise MedtailError(f"{sheet.path}: two sets of columns have the classes: {'; '.join(sets)}")
    if count == 2 and (single := _second(keys, named[1])) is not None:
        return (single,)
    raise MedtailError(f"{sheet.path}: {_absent(keys, styles, ways, classes)}")


def _no_more(
    sheet: Sheet,
    keys: dict[int, str],
    styles: dict[tuple[str, str], dict[str, int]],
    found: tuple[int, ...],
) -> None:
    """Refuse a number beside the classes' numbers: there are more classes than the board has."""
    for cores in styles.values():
        numbers = {core: place for core, place in cores.items() if core.isdecimal()}
        if set(found) < set(numbers.values()):
            extra = next(place for place in numbers.values() if place not in found)
            raise MedtailError(
                f"{sheet.path}: {len(numbers)} classes, there are {len(found)}: the column "
                f"'{keys[extra]}' is none"
            )


def _second(keys: dict[int, str], name: str) -> int | None:
    """The only column that scores the second of two classes."""
    wanted = {name, "1", *SECOND}
    fits = {i for i, key in keys.items() if any(core in wanted for _, core in _cores(key))}
    return fits.pop() if len(fits) == 1 else None


def _absent(
    keys: dict[int, str],
    styles: dict[tuple[str, str], dict[str, int]],
    ways: list[list[str]],
    classes: Sequence[str],
) -> str:
    best = max(
        ((cores, way) for cores in styles.values() for way in ways),
        key=lambda pair: len(set(pair[0]) & set(pair[1])),
        default=({}, ways[0]),
    )
    cores, way = best
    missing = [c for c, key in zip(classes, way, strict=True) if key not in cores]
    known = len(classes) - len(missing)
    others = [key for i, key in keys.items() if i not in {cores.get(k) for k in way}]
    told = f"{known} classes, there are {len(classes)}: no column for {', '.join(missing)}"
    told += f"; call them by name or 0 to {len(classes) - 1}, as p_0, {classes[0]} or so"
    return told + (f" (no class: {', '.join(others)})" if others else "")


def _cores(key: str) -> list[tuple[tuple[str, str], str]]:
    """A name, and what is left of it without words before and behind, with these words."""
    fronts = [("", key)]
    while match := BEFORE.match(fronts[-1][1]):
        before, rest = fronts[-1]
        fronts.append((before + match[0], rest[match.end() :]))
    found = []
    for before, rest in fronts:
        behind = ""
        found.append(((before, behind), rest))
        while match := BEHIND.search(rest):
            behind, rest = match[0] + behind, rest[: match.start()]
            found.append(((before, behind), rest))
    return [(style, core) for style, core in found if core]


def _plain(name: str) -> str:
    """A name as people vary it: letters' case, spaces, hyphens, points."""
    return re.sub(r"[\s_.-]+", "_", name.casefold()).strip("_")
