"""The card of a dataset under a regime: text that reads well in a terminal and as Markdown."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .base import ImageDataModule
from .markup import inert
from .splitting import regimes
from .splitting.leaks import EXCLUDED, PAIRS, PERCEPTUAL_BITS, LeakReport, leak_report
from .table import SPLITS


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of an aligned Markdown table; the first column to the left, the others to the right."""
    cells = [[inert(str(v)) for v in row] for row in (head, *rows)]
    widths = [max(len(row[c]) for row in cells) for c in range(len(head))]

    def line(row: Sequence[str]) -> str:
        rest = [v.rjust(w) for v, w in zip(row[1:], widths[1:], strict=True)]
        return "| " + " | ".join([row[0].ljust(widths[0]), *rest]) + " |"

    rule = "| " + " | ".join("-" * w for w in widths) + " |"
    return [line(cells[0]), rule, *(line(row) for row in cells[1:])]


FAITHFUL = {
    "none": "none: they have a left, a right and an upright",
    "mirror": "mirror: left and right exchanged, no rotation",
    "symmetries": "all symmetries of the square",
}


def _facts(module: ImageDataModule) -> list[str]:
    height, width = module.image_size
    table = module.table
    if table.group is None:
        groups = "unknown: split by image"
    else:
        groups = f"{len(np.unique(table.group))} of {len(table)} images"
    order = ", ordered" if module.plan.ordinal else ""
    facts = {
        "licence": module.licence,
        "cite": module.citation,
        "source": module.source,
        "images": f"{height} x {width} pixels, {module.in_channels} channels",
        "augmentation true to them": FAITHFUL[module.faithful],
        "classes": f"{len(module.plan.class_names)}{order}",
        "groups": groups,
        "split": f"digest {module.digest}, seed {module.split_seed}",
        "variant": module.variants.get(module.name.variant, ""),
    } | dict(module.remarks)
    return [f"- {name}: {' '.join(text.split())}" for name, text in facts.items() if text]


def _counts(module: ImageDataModule) -> list[str]:
    """Images per class: train as the regime leaves it, val and test."""
    names = module.plan.names
    parts = (*SPLITS, "query", "pool") if module.plan.track == "active" else SPLITS
    columns = [np.bincount(module.target[module.rows(s)], minlength=len(names)) for s in parts]
    rows = [(name, *(int(c[k]) for c in columns)) for k, name in enumerate(names)]
    lines = _table(("class", *parts), [*rows, ("all", *(int(c.sum()) for c in columns))])
    trained = columns[0][columns[0] > 0]
    largest, smallest = int(trained.max()), int(trained.min())
    lines += ["", f"Imbalance of train: {largest}:{smallest} = {largest / smallest:.1f}."]
    if module.plan.sought:
        return [
            *lines,
            f"Tested in episodes, never trained: {', '.join(map(inert, module.plan.sought))}.",
        ]
    if len(module.plan.withheld):
        return [*lines, f"Withheld from training: {len(module.plan.withheld)} abnormal images."]
    for split, counts in zip(SPLITS[1:], columns[1:3], strict=True):
        absent = [inert(names[int(k)]) for k in np.flatnonzero(counts == 0)]
        if absent:
            lines.append(f"No {split} image of {', '.join(absent)}: not scored there.")
    return lines


def _regime(module: ImageDataModule) -> list[str]:
    """What the regime asked for against what was kept."""
    if module.name.regime == "natural":
        return []
    plan = module.plan
    kept, asked = np.bincount(plan.target[plan.train], minlength=len(plan.wanted)), plan.wanted
    if module.name.regime.startswith("monica"):
        asked = regimes.published_counts(
            module.name.dataset, module.name.regime, module.class_names
        )
    off = np.flatnonzero(kept != asked)
    lines = ["", f"## Regime {module.name.regime}", ""]
    if not len(off):
        return [*lines, "Train has exactly the counts asked for."]
    rows = [
        (plan.class_names[k], int(asked[k]), int(kept[k]), int(kept[k] - asked[k])) for k in off
    ]
    return [
        *lines,
        f"{len(off)} of {len(kept)} classes deviate, as groups stay whole and images are limited:",
        "",
        *_table(("class", "asked", "kept", "off"), rows),
    ]


def _leaks(report: LeakReport, called: str) -> list[str]:
    groups = report.groups if report.known_groups else dict.fromkeys(PAIRS, "unknown")
    rows = [
        (f"{a} / {b}", groups[a, b], report.identical[a, b], report.similar[a, b]) for a, b in PAIRS
    ]
    lines = _table(("splits", "groups", "identical", "similar"), rows)
    if report.excluded:
        lines += [
            "",
            f"Excluded, as copies of images in val or test: {report.excluded}.",
        ]
    if report.contrary:
        first = " = ".join(f"'{name}'" for name in report.contrary[0])
        lines += [
            "",
            f"The same image with different labels in train: {len(report.contrary)} (the first is "
            f"{first}); `medtail data duplicates {called}` lists all.",
        ]
    return [
        *lines,
        "",
        f"Identical: the same pixels at this size. Similar: pHash within {PERCEPTUAL_BITS} of 64 "
        "bits; where to look, no proof. Ids are unique: data that repeats one is refused.",
    ]


def regime_split(module: ImageDataModule) -> NDArray[np.str_]:
    """[N] the split of each row under the regime; empty for rows that it leaves out.

    What may be labelled later (active) is training data.
    """
    plan = module.plan
    split = np.where(module.split == EXCLUDED, EXCLUDED, "")
    for rows, name in ((plan.pool, "train"), (plan.query, "train"), (plan.train, "train")):
        split[rows] = name
    split[plan.val], split[plan.test] = "val", "test"
    return split


def card(module: ImageDataModule) -> str:
    """The card of a module; prepares it where it is not."""
    module.prepare()
    report = leak_report(module.table, regime_split(module), module.store)
    marked = module.name.variant.startswith("leaky_")
    warning = "!! THIS SPLIT LEAKS between train, val and test: do not believe results on it !!"
    found = "This split is marked as leaking, but no leak was found in these files."
    lines = [f"# {module.name}: {module.title}", ""]
    if report.leaks:
        lines += [f"**{warning}**", ""]
    elif marked:
        lines += [f"**{found}**", ""]
    lines += [*_facts(module), "", "## Images", "", *_counts(module), *_regime(module)]
    return "\n".join([*lines, "", "## Leaks", "", *_leaks(report, module.called), ""])
