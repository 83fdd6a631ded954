"""Is a class found as often in one subgroup of patients as in another?"""

import numpy as np

from medtail.datamodules.core.subgroups import TRAITS

from .certainty import Values, intervals
from .material import Material
from .subgroups import FEWEST, Subgroup, recalls, subgroups
from .topic import Grid, Topic, ends

MOST = 6  # methods side by side
TEXT = (
    f"Recall of a class among the test images of a subgroup, where there are {FEWEST} of them at "
    "least; others are not printed. 95 % intervals know other lesions or patients and other "
    "trainings. Many numbers stand side by side: one of twenty intervals misses, and two that do "
    "not overlap are no finding by themselves.",
)
NONE = (
    "Nothing is known of the age, sex or site of these samples: the dataset does not say them "
    "(`age`, `sex` and `site` in `dataset.yaml` name columns), or the board was published without "
    "the dataset at hand.",
)


def topic(material: Material) -> Topic:
    """A table for each trait: a row for each class and subgroup, a column for each method."""
    title, given = "Subgroups", material.first
    traits = {t: material.samples.of(t, given.id.tolist()) for t in TRAITS}
    traits = {t: values for t, values in traits.items() if (values != "").any()}
    if not traits:
        return Topic(title, NONE)
    parts = subgroups(given.target, given.group, traits, len(material.names))
    known = _intervals(material, parts)
    names = [e.name for e in material.entries if e.name in material.shown][:MOST]
    more = len(material.shown & known.keys()) - len(names)
    note = f"The first {len(names)} rows of the board; `--method` names others." if more > 0 else ""
    unknown = "; ".join(
        f"{t} of {int((values == '').sum())} of {len(values)} test images is not known"
        for t, values in traits.items()
    )
    grids = tuple(_grid(material, trait, parts, known, names) for trait in traits)
    words = (*TEXT, " ".join(filter(None, (f"{unknown[0].upper()}{unknown[1:]}.", note))))
    return Topic(title, words, grids)


def _grid(
    material: Material,
    trait: str,
    parts: list[Subgroup],
    known: dict[str, list[str]],
    names: list[str],
) -> Grid:
    lines = [
        (
            f"{material.names[part.k]}, {part.value}",
            str(part.positives),
            *(known[name][place] for name in names),
        )
        for place, part in enumerate(parts)
        if part.trait == trait
    ]
    head = ("Class, subgroup", "Test images", *names)
    short = tuple(range(1, 2 + min(len(names), 2)))
    return Grid(f"By {trait}", head, tuple(lines), short, methods=False)


def _intervals(material: Material, parts: list[Subgroup]) -> dict[str, list[str]]:
    """Of each row: a cell for each part."""
    drawn = {
        entry.name: np.stack(
            [
                recalls(test.probabilities.argmax(1) == test.target, parts, material.weights)
                for test in entry.test
            ]
        )
        for entry in material.entries
        if parts
    }
    cells: dict[str, list[str]] = {entry.name: [] for entry in material.entries}
    for place, part in enumerate(parts):
        rows = {
            entry.name: Values(drawn[entry.name][:, :, place], (part.groups,), entry.seeds)
            for entry in material.entries
        }
        found = intervals(rows, shares=True)
        for name, line in cells.items():
            line.append(ends(found.get(name)))
    return cells
