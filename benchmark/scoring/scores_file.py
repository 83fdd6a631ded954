"""Scores that were made elsewhere, put in the order of a test's samples.

A file has a column of sample ids and one of scores for each class, under whatever names; or it is
the CSV of MedMNIST's ``Evaluator`` (``medmnist/evaluator.py``, version 3), without a header, which
has the place of each sample in the official test split instead. Several trainings are several
files, or a column ``seed``.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medtail.datamodules.core.errors import MedtailError

from . import sheet as score_sheet
from .forms import Floats, Form, logits_of
from .ids import Ids
from .layout import Layout, layout
from .sheet import Sheet

# {flag}{_size}_{split}_[AUC]0.672_[ACC]0.892@run.csv
STANDARD_NAME = re.compile(r"(?P<flag>[a-z]+mnist\w*?)(_\d+)?_(?P<split>train|val|test)([^a-z].*)?")


@dataclass(frozen=True)
class Wanted:
    """What a file of scores must fit.

    Attributes:
        dataset: whose samples they are.
        ids: N sample ids of the test.
        classes: K names in order. Of two classes the second one's scores are enough.
        ranked: whether only the order of samples counts (one-class).
        elsewhere: the split of samples that are not of the test, as far as they are known.
    """

    dataset: str
    ids: Sequence[str]
    classes: Sequence[str]
    ranked: bool = False
    elsewhere: Callable[[], Mapping[str, str]] = dict


@dataclass(frozen=True)
class Scores:
    """Scores of a test's samples, in its order.

    Attributes:
        logits: [S, N, K] of S trainings; of probabilities their logarithms.
        seeds: S names of the trainings, as files or their column ``seed`` give them.
        form: what the files were read as.
        notes: what was assumed, a clause each.
    """

    logits: Floats
    seeds: tuple[str, ...]
    form: Form
    notes: tuple[str, ...]


def read(paths: Sequence[Path], test: Wanted, form: Form | None = None) -> Scores:
    """The scores of some files for the samples of a test, the trainings in the files' order.

    Args:
        paths: CSV, or Parquet by its suffix; several are of a seed each, or have a column ``seed``.
        test: what they must fit.
        form: what the numbers are; by default probabilities where every row is one.

    Raises:
        MedtailError: no such file; samples or classes missing, doubled or unknown; a value that is
            no finite number; numbers that are not of ``form``; a seed twice.
    """
    parts: dict[str, Floats] = {}
    origin: dict[str, Path] = {}
    forms: dict[Form, Path] = {}
    notes: dict[str, str] = {}
    for number, path in enumerate(paths):
        seeds, found, clauses = _read(path, test, form)
        named = {seed or str(number): one for seed, one in seeds.items()}
        if twice := [seed for seed in named if seed in parts]:
            raise MedtailError(f"{path}: seed {twice[0]} stands in {origin[twice[0]]}, too")
        _check_other(path, named, parts, origin)
        parts |= named
        origin |= dict.fromkeys(named, path)
        forms.setdefault(found, path)
        for clause in clauses:  # of several files, what is said of each alike stands once
            notes.setdefault(clause.partition(":")[0], clause)
    if len(forms) > 1:
        both = " and ".join(f"{path} {kind}" for kind, path in forms.items())
        raise MedtailError(f"{both}: mend the one, or write --form")
    return Scores(
        np.stack([*parts.values()]), tuple(parts), next(iter(forms)), tuple(notes.values())
    )


def _check_other(
    path: Path, new: dict[str, Floats], before: dict[str, Floats], origin: dict[str, Path]
) -> None:
    """Refuse a training that is counted twice: it would look as if trainings never differed."""
    known = dict(before)
    for seed, scores in new.items():
        if same := [other for other, theirs in known.items() if np.array_equal(scores, theirs)]:
            place = origin.get(same[0], path)
            raise MedtailError(
                f"{path}: the very scores of seed {same[0]} in {place}; each seed is a training of "
                "its own, and what has no chance in it is given once"
            )
        known[seed] = scores


def _read(
    path: Path, test: Wanted, form: Form | None
) -> tuple[dict[str, Floats], Form, tuple[str, ...]]:
    """Logits [N, K] by seed ('' without a column of seeds), their form, and what was assumed."""
    ids = Ids(test.ids)
    sheet = score_sheet.read(path, lambda text: ids.find(text) is not None)
    if sheet.head is None and ids.places:
        _check_name(path, test.dataset)
    found = layout(sheet, ids, test.classes)
    given = sheet.columns[found.ids]
    names = [ids.find(text) or text for text in given]
    cells = [sheet.columns[i] for i in found.scores]
    table = np.stack([_parsed(column) for column in cells], 1)
    _check_finite(path, cells, table, names)
    others = [] if sheet.head is None else _others(sheet, found)
    logits, kind, told = logits_of(path, cells, table, form, names, others, test.ranked)
    seeds = sheet.columns[found.seed] if found.seed is not None else [""] * len(names)
    parts = {}
    for seed in dict.fromkeys(seeds):
        mine = [row for row, value in enumerate(seeds) if value == seed]
        order = _rows(path, [names[row] for row in mine], test, seed, found.seed is not None)
        parts[seed] = logits[[mine[row] for row in order]]
    return parts, kind, (*_matched(sheet, found, names, ids), told)


def _check_name(path: Path, dataset: str) -> None:
    """Refuse a file that MedMNIST's naming says to be of another split or dataset."""
    if name := STANDARD_NAME.fullmatch(path.stem):
        if name["split"] != "test":
            raise MedtailError(f"{path}: by its name of {name['split']}, the board is of test")
        if name["flag"] != dataset:
            raise MedtailError(f"{path}: by its name of {name['flag']}, the board is of {dataset}")


def _matched(sheet: Sheet, found: Layout, names: list[str], ids: Ids) -> list[str]:
    """How samples were found, and which columns count for nothing."""
    changed = sum(name != text for name, text in zip(names, sheet.columns[found.ids], strict=True))
    column = "no header" if sheet.head is None else f"column '{sheet.head[found.ids]}'"
    if ids.places and changed:
        told = f"{column}: matched by place in the official test split"
    else:
        told = f"{column}: matched by sample ids"
        told += f", {changed} without folder or ending" if changed else ""
    left = [sheet.head[i] or "without a name" for i in found.ignored] if sheet.head else []
    return [told, *([f"columns that count for nothing: {', '.join(left)}"] if left else [])]


def _rows(path: Path, given: list[str], test: Wanted, seed: str, several: bool) -> list[int]:
    """The row of each sample of the test."""
    place = {name: row for row, name in enumerate(given)}
    known = set(test.ids)
    where = f"{path}, seed {seed}" if several else str(path)
    if unknown := [name for name in place if name not in known]:
        split = test.elsewhere()
        parts = Counter(split.get(name, "no split") for name in unknown)
        told = ", ".join(f"{n} of {s}" for s, n in parts.items()) if split else "they"
        raise MedtailError(
            f"{where}: {len(unknown)} ids are not of the test ({told}), the first is "
            f"'{unknown[0]}'; the test has {len(test.ids)} such as {test.ids[0]}: see `medtail "
            "data export`"
        )
    if doubled := [name for row, name in enumerate(given) if place[name] != row]:
        hint = "" if several else "; of several trainings, add a column 'seed'"
        raise MedtailError(
            f"{where}: {len(set(doubled))} ids stand more than once, the first is '{doubled[0]}'"
            f"{hint}"
        )
    if missing := [name for name in test.ids if name not in place]:
        raise MedtailError(
            f"{where}: {len(missing)} of {len(test.ids)} test samples are missing, the first is "
            f"'{missing[0]}'"
        )
    return [place[name] for name in test.ids]


def _others(sheet: Sheet, found: Layout) -> list[tuple[str, Floats]]:
    """Columns of numbers that are no class, which may be one too many."""
    assert sheet.head is not None  # the caller asks for files with a header
    made = [(sheet.head[i], _parsed(sheet.columns[i])) for i in found.ignored]
    return [(name, values) for name, values in made if np.isfinite(values).all()]


def _parsed(column: Sequence[str]) -> Floats:
    """Numbers of a column, NaN for what is none."""
    values = np.empty(len(column))
    for row, text in enumerate(column):
        try:
            values[row] = float(text)
        except ValueError:
            values[row] = np.nan
    return values


def _check_finite(
    path: Path, cells: Sequence[Sequence[str]], table: Floats, names: Sequence[str]
) -> None:
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        row, column = bad[0].tolist()
        raise MedtailError(
            f"{path}: {len(np.unique(bad[:, 0]))} samples have a score that is no finite number, "
            f"the first is '{names[row]}': '{cells[column][row]}'"
        )
