"""What a dataset says for tables alone: critical classes, subgroups, who may get it, what tells.

Age in bands, sex and site are subgroups. Nothing that is kept names a person: an age becomes its
band, a sex one of two words, and a column of sites with many values is refused.
"""

from collections.abc import Sequence
from typing import Literal

from .contract import Augmentation
from .errors import DataError

TRAITS = ("age", "sex", "site")
# Of 20 years, so that a class of some hundred test images leaves 20 of it in most bands.
BANDS = ((30, "under 30"), (50, "30 to 49"), (70, "50 to 69"), (131, "70 and above"))
UNKNOWN = ("", "unknown", "nan", "na", "n/a", "none", "null", "not specified", "-", "?")
SEXES = {"m": "male", "male": "male", "man": "male", "f": "female", "female": "female"}
SEXES |= {"w": "female", "woman": "female"}
MOST_SITES = 40
# Whose word it is that everyone may have the images, under terms that are written down: the data's
# own, third parties', nobody's as far as is known, or it is known that there are none.
Permission = Literal["own licence", "third parties", "unknown", "none"]


class Presented:
    """Facts that decide what is shown, never what is run: no identity, record or digest has them.

    Class attributes:
        critical: classes that must not be missed, such as malignant ones.
        permission: whose word it is that everyone may have the images.
        faithful: the widest augmentation of ``none``, ``mirror`` and ``symmetries`` that gives
            images as they might have been taken; suites say what is trained with.
        split_by: how a split came about that the table gives.
    """

    critical: tuple[str, ...] = ()
    permission: Permission = "unknown"
    faithful: Augmentation = "symmetries"
    split_by: str = "the data's own"

    def subgroups(self) -> dict[str, list[str]]:
        """Of each row of the table, what ``kept`` leaves of its traits, as far as they are said."""
        return {}

    def beside(self) -> dict[str, list[str]]:
        """Of each row, what stands beside its image and may tell its class; no method sees it."""
        return self.subgroups()


def kept(where: str, trait: str, values: Sequence[str]) -> list[str]:
    """What is kept of a column, in its order; empty for what is not known.

    Args:
        where: the file, for messages.
        trait: one of ``TRAITS``.
        values: as they are written.

    Raises:
        DataError: an age or a sex that is none, or so many sites that they may name persons.
    """
    plain = [" ".join(value.split()).casefold() for value in values]
    known = ["" if value in UNKNOWN else value for value in plain]
    made = {value: _kept(where, trait, value) for value in dict.fromkeys(known)}
    if (amount := len(set(made.values()))) > MOST_SITES:
        raise DataError(
            f"{where}: {trait}: {amount} different values are too many for subgroups, and may "
            "name persons: name a column of fewer values, or none"
        )
    return [made[value] for value in known]


def _kept(where: str, trait: str, value: str) -> str:
    if not value or trait == "site":
        return value
    if trait == "sex":
        if value not in SEXES:
            raise DataError(f"{where}: sex '{value}': write male, female or nothing")
        return SEXES[value]
    try:
        years = float(value)
    except ValueError:
        years = -1.0
    if not 0 <= years < BANDS[-1][0]:
        raise DataError(f"{where}: age '{value}': write years, from 0 to 130, or nothing")
    return next(name for limit, name in BANDS if years < limit)
