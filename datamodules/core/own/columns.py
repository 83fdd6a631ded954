"""Columns of anybody's table: which one is meant, and which one looks like a group or a split.

A patient column that nobody named would be ignored, and the same patient would stand in train and
test. So what resembles a group or a split has to be used or refused. A column resembles one by its
name *and* by its values: ``patient_age`` does not, nor does a ``case`` with a value of its own for
every image, which groups nothing.
"""

import re
from collections.abc import Iterable, Sequence

from ..errors import DataError
from .splits import meaning, resembles_split


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Whom or what several images may show.
OF_GROUPS = _set("""
    patient patients pat pt ptid pid mrn subject subjects subj participant participants person
    individual donor animal case cases lesion lesions study studies series exam exams examination
    accession encounter admission video videos clip clips group groups specimen biopsy smear slide
    slides wsi scan scans
""")
# With one of these a name says something about the patient (lesion, ...), not which one it is.
ATTRIBUTES = _set("""
    age sex gender race ethnicity birth dob weight height bmi size type kind location localization
    localisation site side laterality position orientation view date time year month day count
    counts area volume diameter depth width length color colour status stage grade diagnosis label
    labels class category finding findings description desc notes note comment comments history
    smoker smoking arm control score severity confidence annotator reader mask segmentation bbox
    blood skin fps duration frames quality result results change
""")
COUNTED = _set("n num number count total")  # as first word: how many, not which
ENDINGS = ("identifier", "number", "name", "code", "uid", "key", "num", "ids", "id", "no", "nr")
OF_SPLITS = _set("split splits fold folds kfold partition partitions subset subsets")
FLAGS = _set("""
    is in for used use set sets flag split train training test testing val valid validation dev
    holdout
""")
BINARY = _set("0 1 0.0 1.0 yes no y n true false t f left right l r")
MOST_FOLDS = 20


def words(name: str) -> list[str]:
    """The words of a column's name, in small letters: ``PatientID`` and ``patient id`` alike."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return [w.rstrip("0123456789") or w for w in re.split(r"[\W_]+", apart.casefold()) if w]


def same_name(first: str, second: str) -> bool:
    """Whether two names differ by case, spaces and other separators only."""
    return "".join(words(first)) == "".join(words(second))


def find(columns: Sequence[str], name: str, where: str) -> str:
    """The column that is meant by ``name``.

    Raises:
        DataError: there is none, or several.
    """
    if name in columns:
        return name
    near = [c for c in columns if same_name(c, name)]
    if len(near) == 1:
        return near[0]
    there = ", ".join(near or columns)
    raise DataError(f"{where}: no column '{name}' (there are {there})")


def obvious(columns: Sequence[str], name: str) -> str:
    """The column called ``name``, in whatever case; empty where there is none, or several."""
    near = [c for c in columns if same_name(c, name)]
    return name if name in near else (near[0] if len(near) == 1 else "")


def like_a_group(name: str, values: Iterable[str]) -> bool:
    """Whether a column says, by its name and values, which images belong together."""
    said = words(name)
    if not said or said[0] in COUNTED or (ATTRIBUTES | OF_SPLITS) & set(said):
        return False
    if not any(word in OF_GROUPS or _without_ending(word) in OF_GROUPS for word in said):
        return False
    kinds, amount = _kinds(values)
    if not 1 < len(kinds) < amount or kinds <= BINARY:
        return False
    if all(map(resembles_split, kinds)):
        return False
    return not all(re.fullmatch(r"-?\d+\.\d*[1-9]\d*", kind) for kind in kinds)


def like_a_split(name: str, values: Iterable[str]) -> bool:
    """Whether a column says, by its name and values, what is trained and what is tested on."""
    said = set(words(name))
    kinds, amount = _kinds(values)
    if not 1 < len(kinds) < amount:
        return False
    if all(map(resembles_split, kinds)):
        return len({meaning(kind) or kind for kind in kinds}) > 1
    if ATTRIBUTES & said or len(kinds) > MOST_FOLDS:
        return False
    if said & OF_SPLITS or said == {"set"}:
        return True
    return bool(said) and said <= FLAGS and kinds <= BINARY


def holds_several(outer: Iterable[str], inner: Iterable[str]) -> bool:
    """Whether a value of ``outer`` comes with several of ``inner``: it is the coarser group."""
    seen: dict[str, str] = {}
    return any(seen.setdefault(o, i) != i for o, i in zip(outer, inner, strict=True) if o and i)


def _without_ending(word: str) -> str:
    return next((word[: -len(e)] for e in ENDINGS if word.endswith(e) and word != e), word)


def _kinds(values: Iterable[str]) -> tuple[set[str], int]:
    filled = [kept for value in values if (kept := value.strip().casefold())]
    return set(filled), len(filled)
