"""What the values of a split column mean."""

import re
from collections import Counter
from collections.abc import Callable, Sequence

from ..errors import DataError
from .values import in_order, plain

MEANINGS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
MOST_SHOWN = 8
# How a setting is written where a table comes from: key, value -> ``--test-fold 0``.
Spelling = Callable[[str, str], str]


def meaning(value: str) -> str:
    """``train``, ``val`` or ``test``, in whatever case it is written; else empty."""
    return MEANINGS.get(value.strip().casefold(), "")


def resembles_split(value: str) -> bool:
    """Whether a value speaks of a split, such as ``PublicTest``."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", value.strip())
    said = [w for w in re.split(r"[\W\d_]+", apart.casefold()) if w]
    return any(
        word in MEANINGS or word.removeprefix("public").removeprefix("private") in MEANINGS
        for word in said
    )


def split_names(
    where: str,
    column: str,
    values: Sequence[str],
    test: Sequence[str],
    val: Sequence[str],
    spelling: Spelling,
) -> list[str]:
    """``train``, ``val`` or ``test`` for each value of a column.

    Args:
        where: the file, for messages.
        column: its name.
        values: as they are written.
        test: values that are the test; all others but ``val`` are then train.
        val: values that are for validation.
        spelling: how a setting is written.

    Raises:
        DataError: a value is empty or means nothing, or one that is stated does not occur.
    """
    kinds = Counter(plain(v) for v in values)
    shown = [f"'{kind}'" for kind in in_order(kinds)]
    there = ", ".join(shown[:MOST_SHOWN] + ["..."] * (len(shown) > MOST_SHOWN))
    if kinds[""]:
        raise DataError(f"{where}: column '{column}' is empty in {kinds['']} of {len(values)} rows")
    stated = {plain(v): part for part, known in (("test", test), ("val", val)) for v in known}
    for value, part in stated.items():
        if value not in kinds:
            raise DataError(
                f"{where}: {spelling(f'{part}_fold', value)}: column '{column}' holds {there} only"
            )
    if stated:
        return [stated.get(plain(v), "train") for v in values]
    odd = next((kind for kind in kinds if not meaning(kind)), None)
    if odd is not None:
        raise DataError(
            f"{where}: split '{odd}' in column '{column}', which holds {there}: write train, val, "
            f"test, or say which value is the test by {spelling('test_fold', odd)} (for validation "
            f"{spelling('val_fold', '...')}; all others are then train)"
        )
    return [meaning(v) for v in values]
