"""The table of sources: ``docs/sources.md``, and what boards read of it."""

import json
from collections.abc import Sequence

from ..boards.formatting import code, markdown, plain
from .rules import GROUPS, IMAGES, Numbers, Source

MARK = "<!-- Written by `medtail data sources`; changes by hand are lost. -->"
HEAD = """# Sources

A number of one source is a number of that source. What is averaged over sources is averaged over \
*core* sources; *stress* sources stand beside them and never take part. A source is core where it \
keeps four rules:

1. **Permission**: everyone may have the images, by a licence of their own, or by one that third \
parties state.
2. **Split**: the data's own, or by groups that are known; where none are published, this says so.
3. **Size**: at least {images} test images in the rarest class, of at least {groups} groups where \
groups are known.
4. **Shortcut**: a network is told apart from a probe that does not look at what an image shows. \
The probe ({trees} extremely randomised trees) learns from the size of the file, the shape of the \
original, mean and spread of the outermost pixels, and what stands beside the images in their \
table; the network is {row} on frozen ImageNet features. Both are scored on the same test \
split by macro AUC; of the lead, the interval of 95 % (a bootstrap of the test's groups, within \
classes) must leave zero out.

A stricter rule, that the probe be no better than chance, would leave {kept} of these {all} \
sources. An outermost pixel may be a part of what matters (a neighbouring cell, the rim of a \
retina), and a file is larger where more is to be seen: such a probe is an upper limit of what is \
told for a wrong reason, no proof that a network goes by it.
"""
HEADS = [
    *("Source", "Tier", "Permission", "Split", "Rarest class", "Its test images", "Their groups"),
    *("Probe", "Network", "Lead"),
]
WORDS = {
    "own licence": "its own licence",
    "third parties": "third parties' word",
    "unknown": "not known",
    "none": "none",
}


def as_json(sources: Sequence[Source]) -> str:
    """What ``over_sources.kept`` reads."""
    made = [one.model_dump(mode="json") | {"tier": one.tier} for one in sources]
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def page(sources: Sequence[Source], trees: int) -> str:
    """The page.

    Args:
        sources: in any order.
        trees: of the probe.
    """
    order = sorted(sources, key=lambda s: (s.tier != "core", s.name))
    lines = [HEADS, *map(_row, order)]
    parts = sorted({kind for one in order for kind in one.parts}, key=_place)
    each = [["Source", *parts]] + [
        [f"`{s.name}`", *(_percent(s.parts.get(kind)) for kind in parts)] for s in order
    ]
    chance = sum(one.probe[1] <= 0.5 for one in order)
    rows = ", ".join(sorted({code(one.row) for one in order if one.row})) or "a row of a board"
    head = HEAD.format(
        images=IMAGES, groups=GROUPS, row=rows, trees=trees, kept=chance, all=len(order)
    )
    return (
        "\n\n".join(
            [
                f"{MARK}\n\n{head.strip()}",
                "## Tiers",
                "AUC in %, with intervals of 95 %; behind a tier stands which rule is not kept.",
                markdown(lines, left=0),
                "## What the probe goes by",
                "AUC in % of the probe by each kind of fact alone, on the test split. Behind "
                "`border` the columns are those of the data's own tables (`probe` is the "
                "transducer there, `dr` the grade of retinopathy).",
                markdown(each, left=0),
            ]
        )
        + "\n"
    )


def _row(one: Source) -> list[str]:
    return [
        f"`{one.name}`, {plain(one.title)}",
        one.tier + (f": {', '.join(one.broken)}" if one.broken else ""),
        WORDS[one.permission],
        one.split,
        plain(one.rarest),
        str(one.images),
        "not known" if one.groups is None else str(one.groups),
        *map(_range, (one.probe, one.network, one.lead)),
    ]


def _place(kind: str) -> tuple[int, str]:
    first = ("file", "shape", "border")
    return (first.index(kind) if kind in first else len(first), kind)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _range(numbers: Numbers | None) -> str:
    if numbers is None:
        return "no board"
    mean, low, high = (f"{100 * n:.1f}" for n in numbers)
    return f"{mean} ({low} to {high})"
