"""Which columns of a table are used, and what is said of those that are not."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import DataError
from ..subgroups import TRAITS
from .columns import find, holds_several, like_a_group, like_a_split, obvious
from .description import Description
from .sheets import COUNT, Sheet
from .splits import Spelling

ALIKE = {
    "group": (like_a_group, "a group (a patient, a lesion, ...)"),
    "split": (like_a_split, "a split into train and test"),
}


@dataclass(frozen=True)
class Choice:
    """The columns that are used; empty where there is none.

    Attributes:
        image, id, group, split: one each.
        label: one, or one for each class.
        told: what a card says of them.
    """

    image: str
    label: tuple[str, ...]
    id: str = ""
    group: str = ""
    split: str = ""
    told: dict[str, str] = field(default_factory=dict)


def choose(where: str, sheet: Sheet, facts: Description, spelling: Spelling) -> Choice:
    """The columns that ``facts`` names, or that are called ``group`` and ``split``.

    Raises:
        DataError: one is not there or holds lists; or another that is used for nothing looks like a
            group or a split, which its owner has neither named nor refused.
    """
    names = sheet.columns
    image = COUNT if sheet.arrays else find(names, _text(facts.image, "image"), where)
    asked = (facts.label,) if isinstance(facts.label, (str, dict)) else facts.label
    for column in (wanted := [_text(key, "label") for key in asked]):
        if column in sheet.lists:
            raise DataError(
                f"{where}: column '{column}' holds lists, several findings of one image: medtail "
                "compares methods for one label of several classes"
            )
    label = tuple(find(names, column, where) for column in wanted)
    id = find(names, _text(facts.id, "id"), where) if facts.id else ""
    used = {image, id, *label}
    group = _named(where, sheet, facts, "group", used)
    split = _named(where, sheet, facts, "split", used)
    used |= {group, split}
    used |= {find(names, said, where) for key in TRAITS if (said := getattr(facts, key))}
    told, rest = {}, [name for name in names if name not in used]
    spare = []
    for key, chosen in (("group", group), ("split", split)):
        alike = [name for name in rest if _alike(key, sheet, name)]
        coarser = alike if group and key == "group" else []
        coarser = [name for name in coarser if holds_several(sheet[name], sheet[group])]
        spare += [f"{name} (coarser than the group)" if name in coarser else name for name in alike]
        if getattr(facts, f"no_{key}") or getattr(facts, key) or (key == "split" and chosen):
            continue
        if chosen:  # a column that is called group, but is it the coarsest?
            alike = coarser
        if alike:
            raise DataError(
                f"{where}: column '{alike[0]}' looks like {ALIKE[key][1]} and is not used: use it "
                f"by {spelling(key, alike[0])}, or refuse it by {spelling(f'no_{key}', '')}"
            )
    if facts.no_group:
        told["groups"] = "none, as its owner says: split by image"
    columns = {"id": id, "group": group, "split": split}
    if sheet.kind != "folder":
        columns = {"image": _text(facts.image, "image"), "label": ", ".join(label)} | columns
    told["columns"] = ", ".join(f"{k} {v}" for k, v in columns.items() if v)
    for part in ("test", "val"):
        if stated := getattr(facts, f"{part}_fold"):
            told["columns"] += f" ({part}: {', '.join(stated)})"
    if spare:
        told["columns not used"] = ", ".join(dict.fromkeys(spare))
    return Choice(image, label, id, group, split, told)


def _alike(key: str, sheet: Sheet, name: str) -> bool:
    """Whether a column looks like a group (split): the folder within a class's does, too."""
    shown = "case" if (sheet.kind, name) == ("folder", "folder") else name
    return ALIKE[key][0](shown, sheet[name])


def _text(key: object, name: str) -> str:
    """What a column of split arrays is called, whose keys are a mapping."""
    return key if isinstance(key, str) else name


def _named(
    where: str, sheet: Sheet, facts: Description, key: str, used: Sequence[str] | set[str]
) -> str:
    if getattr(facts, f"no_{key}"):
        return ""
    if said := getattr(facts, key):
        return find(sheet.columns, _text(said, key), where)
    return obvious([name for name in sheet.columns if name not in used], key)
