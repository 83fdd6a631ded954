"""Scores that were made elsewhere, put in the order of a test's samples.

A file has a column of sample ids and one of scores for each class; or it is the CSV of MedMNIST's
``Evaluator`` (``medmnist/evaluator.py``, version 3), without a header, which has the place of each
sample in the official test split instead.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medtail.datamodules.core.errors import MedtailError

from . import sheet as score_sheet
from .sheet import Sheet

Floats = NDArray[np.float64]
Form = Literal["probabilities", "logits"]
FORMS: tuple[Form, ...] = ("probabilities", "logits")
SUM_TOLERANCE = 0.01  # of a row of probabilities: files are often rounded to three digits
TINY = float(np.finfo(np.float64).tiny)
# {flag}{_size}_{split}_[AUC]0.672_[ACC]0.892@run.csv
STANDARD_NAME = re.compile(r"(?P<flag>[a-z]+mnist\w*?)(_\d+)?_(?P<split>train|val|test)([^a-z].*)?")


@dataclass(frozen=True)
class Scores:
    """Scores of a test's samples, in its order.

    Attributes:
        logits: [N, K]; of probabilities their logarithms.
        form: what the file was read as.
        notes: what was assumed, a clause each.
    """

    logits: Floats
    form: Form
    notes: tuple[str, ...]


def form_of(text: str) -> Form | None:
    """What a user calls the form of scores; None for no word, which lets the numbers tell.

    Raises:
        MedtailError: it is none of ``FORMS``.
    """
    found = next((form for form in FORMS if form == text), None)
    if text and found is None:
        raise MedtailError(f"--form {text}: write {' or '.join(FORMS)}")
    return found


def read(
    path: Path, dataset: str, ids: Sequence[str], classes: Sequence[str], form: Form | None = None
) -> Scores:
    """The scores of a file for the samples of a test.

    Args:
        path: CSV, or Parquet by its suffix.
        dataset: whose samples they are.
        ids: N sample ids of the test.
        classes: K names in order. Of two classes the second one's scores are enough.
        form: what the numbers are; by default probabilities where every row is one.

    Raises:
        MedtailError: no such file; samples or classes missing, doubled or unknown; a value that is
            no finite number; numbers that are not of ``form``.
    """
    sheet = score_sheet.read(path)
    if sheet.head is None:
        given, order = _places(sheet, dataset, ids), list(range(1, len(sheet.columns)))
        if len(order) != len(classes) and (len(order), len(classes)) != (1, 2):
            raise MedtailError(
                f"{path}: {len(order)} scores a row, there are {len(classes)} classes"
            )
        matched = "no header: MedMNIST's form, matched by place in the official test split"
    else:
        # Official submissions call it "image" or the like; it is the first column then.
        column = next((i for i, name in enumerate(sheet.head) if name.lower() == "id"), 0)
        given = ["" if v is None else str(v).strip() for v in sheet.columns[column]]
        order = _order(path, sheet.head, column, classes)
        matched = f"matched by the ids in column '{sheet.head[column]}'"
    rows = _rows(path, given, ids)
    table = np.stack([_numbers(path, sheet.columns[i], given) for i in order], 1)[rows]
    logits, found, told = _logits(path, table, form, ids)
    return Scores(logits, found, (matched, told))


def _places(sheet: Sheet, dataset: str, ids: Sequence[str]) -> list[str]:
    """Sample ids of a file that has the places of samples in the official test split."""
    path = sheet.path
    if name := STANDARD_NAME.fullmatch(path.stem):
        if name["split"] != "test":
            raise MedtailError(f"{path}: by its name of {name['split']}, the board is of test")
        if name["flag"] != dataset:
            raise MedtailError(f"{path}: by its name of {name['flag']}, the board is of {dataset}")
    if set(ids) != {f"test_{i}" for i in range(len(ids))}:
        raise MedtailError(
            f"{path}: no header, and the test split of {dataset} has no official order: write a "
            f"header and a column of sample ids, such as {ids[0]}"
        )
    if wrong := next((v for v in sheet.columns[0] if not v.isdecimal()), None):
        raise MedtailError(f"{path}: no header, and '{wrong}' is no place in the test split")
    return [f"test_{int(v)}" for v in sheet.columns[0]]


def _order(path: Path, head: list[str], id_column: int, classes: Sequence[str]) -> list[int]:
    """The column of each class, by name or as p0, p1, ... or 0, 1, ..."""
    keys = [name.strip().casefold() for name in head]
    scores = [key for i, key in enumerate(keys) if i != id_column]
    count = len(classes)
    ways = [
        [name.strip().casefold() for name in classes],
        [f"p{k}" for k in range(count)],
        [str(k) for k in range(count)],
    ]
    if doubled := next((key for key in keys if keys.count(key) > 1), None):
        raise MedtailError(f"{path}: the column '{doubled}' stands twice")
    if count == 2 and scores in [["score"], *(way[1:] for way in ways)]:
        return [1 - id_column]
    way = max(ways, key=lambda known: len(set(known) & set(scores)))
    wanted = f"{', '.join(classes)} (or p0 to p{count - 1}, or 0 to {count - 1})"
    if keys[id_column] in way:
        raise MedtailError(f"{path}: no column of sample ids: call it id")
    if odd := [key for key in scores if key not in way]:
        raise MedtailError(
            f"{path}: the column '{odd[0]}' is no class; beside the ids the file should have a "
            f"column for each of {wanted}, and no other"
        )
    if absent := [c for c, key in zip(classes, way, strict=True) if key not in scores]:
        raise MedtailError(
            f"{path}: {len(scores)} classes, there are {count}: none for {', '.join(absent)}"
        )
    return [keys.index(key) for key in way]


def _rows(path: Path, given: list[str], ids: Sequence[str]) -> list[int]:
    """The row of each sample of the test."""
    place = {name: row for row, name in enumerate(given)}
    known = set(ids)
    if unknown := [name for name in place if name not in known]:
        raise MedtailError(
            f"{path}: {len(unknown)} ids are not of the test, the first is '{unknown[0]}' (the "
            f"test has {len(ids)} such as {ids[0]})"
        )
    if doubled := [name for row, name in enumerate(given) if place[name] != row]:
        raise MedtailError(f"{path}: {len(doubled)} rows too many: '{doubled[0]}' stands twice")
    if missing := [name for name in ids if name not in place]:
        raise MedtailError(
            f"{path}: {len(missing)} of {len(ids)} test samples are missing, the first is "
            f"'{missing[0]}'"
        )
    return [place[name] for name in ids]


def _numbers(path: Path, column: list[Any], given: list[str]) -> Floats:
    values = np.empty(len(column))
    for row, value in enumerate(column):
        try:
            values[row] = float(value)
        except (TypeError, ValueError):
            values[row] = math.nan
        if not math.isfinite(values[row]):
            raise MedtailError(f"{path}: a score of '{given[row]}' is no finite number: '{value}'")
    return values


def _logits(
    path: Path, table: Floats, form: Form | None, ids: Sequence[str]
) -> tuple[Floats, Form, str]:
    """[N, K] logits from scores [N, K], or from those of the second of two classes [N, 1]."""
    single = table.shape[1] == 1
    inside = ((table >= 0) & (table <= 1)).all(1)
    proper = inside & (single | (abs(table.sum(1) - 1) <= SUM_TOLERANCE))
    odd = int(np.argmin(proper))
    why = f"least {table[odd].min():g}, most {table[odd].max():g}, sum {table[odd].sum():g}"
    wrong = f"{np.count_nonzero(~proper)} rows are none, the first is of '{ids[odd]}' ({why})"
    if form == "probabilities" and not proper.all():
        raise MedtailError(f"{path}: no probabilities: {wrong}")
    if form is None and 0.5 < proper.mean() < 1:
        raise MedtailError(
            f"{path}: most rows are probabilities, but {wrong}: mend them, or write --form logits"
        )
    if form == "logits" or not proper.all():
        told = "read as logits"
        if form is None:
            told += f", not as probabilities: {wrong}"
            told += "; of sigmoids, give the logits" if inside.all() else ""
        logits = np.concatenate([np.zeros_like(table), table], 1) if single else table
        return logits, "logits", told
    shares = np.concatenate([1 - table, table], 1) if single else table
    told = "read as probabilities" + ("" if form else ", as every row is one")
    return np.log(np.maximum(shares, TINY)), "probabilities", told
