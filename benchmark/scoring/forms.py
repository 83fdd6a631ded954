"""What the numbers of a file are: probabilities, as far as their digits tell, or logits."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medtail.datamodules.core.errors import MedtailError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Form = Literal["probabilities", "logits"]
FORMS: tuple[Form, ...] = ("probabilities", "logits")
TINY = float(np.finfo(np.float64).tiny)
NUMBER = re.compile(r"[+-]?(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?")
FLOAT32 = 1e-5  # how far a softmax in float32 may be off
HALF, BRAIN = 2.0**-10, 2.0**-7  # in float16 or bfloat16


def form_of(text: str) -> Form | None:
    """What a user calls the form of scores; None for no word, which lets the numbers tell.

    Raises:
        MedtailError: it is none of ``FORMS``.
    """
    found = next((form for form in FORMS if form == text), None)
    if text and found is None:
        raise MedtailError(f"--form {text}: write {' or '.join(FORMS)}")
    return found


def tolerance(cells: Sequence[Sequence[str]], table: Floats) -> Floats:
    """[N] how far rows of probabilities may be off a sum of 1, as their numbers were rounded.

    To decimals (``.33``) or to significant digits (``1.2e-05``), whichever rounds more: half of the
    last digit of each number; and what float32, float16 or bfloat16 add.

    Args:
        cells: K columns of N numbers as the file has them.
        table: [N, K] the same as numbers.
    """
    parts = [NUMBER.fullmatch(text) for text in {text for column in cells for text in column}]
    known = [part for part in parts if part]
    # Digits that somebody chose: few, or with zeros at the end, as the text of a float never has.
    fixed = any(len(p[2]) > 1 and p[2].endswith("0") and not p[3] for p in known)
    decimals = max((len(p[2]) - int(p[3] or 0) for p in known), default=0)
    significant = max((len((p[1] + p[2]).lstrip("0")) for p in known), default=1)
    if decimals <= 0:  # whole numbers are not rounded: one class has it all
        return np.zeros(len(table))
    power = np.floor(np.log10(np.maximum(np.abs(table), TINY)))
    rounding = np.maximum(10.0**-decimals, 10.0 ** (power - significant + 1)).sum(1) / 2
    found: Floats = rounding + FLOAT32 + (0 if fixed or significant < 4 else _width(table))
    return found


def _width(table: Floats) -> float:
    """What a softmax in a narrow float may be off, where all numbers are of one."""
    single = table.astype(np.float32)
    if not (single.view(np.uint32) & 0xFFFF).any():
        return BRAIN
    with np.errstate(over="ignore"):
        half = single.astype(np.float16)
    printed = half.astype(str).astype(np.float64)
    return HALF if ((half == single) | (printed == table)).all() else 0.0


def logits_of(
    path: Path,
    cells: Sequence[Sequence[str]],
    table: Floats,
    form: Form | None,
    names: Sequence[str],
    others: Sequence[tuple[str, Floats]] = (),
    ranked: bool = False,
) -> tuple[Floats, Form, str]:
    """[N, K] logits from scores [N, K], or from those of the second of two classes [N, 1].

    Args:
        path: of the file, for messages.
        cells: K columns of the numbers as the file has them.
        table: [N, K] the numbers.
        form: what they are; None to tell by themselves: probabilities where every row is one.
        names: N ids.
        others: names and [N] numbers of columns that are no class.
        ranked: whether only the order of samples counts (one-class), so that a score has no zero.

    Returns:
        Logits (of probabilities their logarithms), what the numbers were read as, and a clause
        that says so.

    Raises:
        MedtailError: numbers that are not of ``form``, percent, or rows that a column completes.
    """
    single = table.shape[1] == 1
    slack = tolerance(cells, table)
    proper = _proper(table, slack)
    odd = int(np.argmin(proper))
    why = f"least {table[odd].min():g}, most {table[odd].max():g}, sum {table[odd].sum():g}"
    wrong = f"{np.count_nonzero(~proper)} rows are none, the first is of '{names[odd]}' ({why})"
    if form != "logits" and not proper.all():
        _percent(path, table, slack, names, ranked)
    if form == "probabilities" and not proper.all():
        raise MedtailError(f"{path}: no probabilities: {wrong}")
    if form is None and 0.5 < proper.mean() < 1:
        raise MedtailError(
            f"{path}: most rows are probabilities, but {wrong}: mend them, or write --form logits"
        )
    if form is None and not proper.all():
        _completed(path, table, slack, others)
    if form == "logits" or not proper.all():
        told = "read as logits"
        if form is None:
            told += f", not as probabilities: {wrong}"
            told += "; of sigmoids, give the logits" if _inside(table).all() else ""
        return (np.concatenate([0 * table, table], 1) if single else table), "logits", told
    shares = np.concatenate([1 - table, table], 1) if single else table
    told = "read as probabilities" + ("" if form else ", as every row is one")
    return np.log(np.maximum(shares, TINY)), "probabilities", told


def _inside(table: Floats) -> Flags:
    found: Flags = np.all((table >= 0) & (table <= 1 + FLOAT32), axis=1)
    return found


def _proper(table: Floats, slack: Floats) -> Flags:
    """[N] whether rows [N, K] are probabilities; of one column, whether they could be."""
    off = 0 * slack if table.shape[1] == 1 else np.abs(table.sum(1) - 1)
    found: Flags = _inside(table) & (off <= slack)
    return found


def _percent(path: Path, table: Floats, slack: Floats, names: Sequence[str], ranked: bool) -> None:
    """Refuse rows that sum to 100, and one score of two classes that never is below 0."""
    single = table.shape[1] == 1
    off = 0 * slack if single else np.abs(table.sum(1) - 100)
    inside = ((table >= 0) & (table <= 100)).all(1)
    percent: Flags = inside & (off <= np.maximum(slack, 100 * FLOAT32))
    if (single and (ranked or not percent.all())) or percent.mean() <= 0.5:
        return
    first = int(np.argmax(table[:, 0] > 1 if single else percent))
    told = "lie between 0 and 100" if single else "sum to 100"
    raise MedtailError(
        f"{path}: {np.count_nonzero(percent)} rows {told}, the first is of '{names[first]}' "
        f"({table[first].max():g}): divide percent by 100, or write --form logits"
    )


def _completed(
    path: Path, table: Floats, slack: Floats, others: Sequence[tuple[str, Floats]]
) -> None:
    """Refuse scores to which another column is lacking: a class that the board does not have."""
    for name, values in others:
        if table.shape[1] > 1 and _proper(np.column_stack([table, values]), slack).all():
            raise MedtailError(
                f"{path}: with the column '{name}' every row sums to 1: is it a class that the "
                "board does not have? leave it out and divide each row by its sum"
            )
