"""The data of a table in sentences for a paper, past tense: source, classes, splits, images.

Each says what the records hold; what they do not hold ``gaps`` names.
"""

import re
from collections.abc import Callable, Iterable

import numpy as np

from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.contract import Track
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.splitting import plans, regimes

from ..evidence.record import Record
from ..grid.cell import Channels, Terms
from ..metrics.long_tail import group_cuts
from .drawn import drawn
from .marked import cite, clean, code, listed
from .sources import Table

AUGMENTED = {
    "none": "Training images were not augmented",
    "mirror": "Training images were mirrored at random, left and right exchanged",
    "symmetries": "Training images were augmented by a random symmetry of the square",
    "standard": "Training images were augmented by a random symmetry of the square, a small shift, "
    "scale and rotation, and a small change of brightness and contrast",
    "contrastive": "Training images were augmented by a random symmetry of the square, the "
    "enlargement of a part, and a large change of brightness and contrast",
    "randcls_sim": "Training images were augmented as PaCo's two views are: a part of 0.08 to 1 of "
    "the area enlarged, mirrored, brightness, contrast and saturation changed, then RandAugment "
    "(first view), or a fifth of the images turned grey and half of them blurred (second view)",
}
NORMALISED = {
    "imagenet": "the channel means and deviations of ImageNet",
    "half": "0.5 and 0.5, so that pixels lay between -1 and 1",
    "dataset": "the channel means and deviations of the training images",
}


def source(table: Table, module: ImageDataModule | None, keys: list[str]) -> list[str]:
    """Which data, and from which files.

    Args:
        table: the table.
        module: of the data; None where this medtail does not know it.
        keys: of the references of the data.
    """
    name = DataName.parse(table.slug)
    known = f"medtail calls {code(name.source)}"
    if module is None or not module.title:
        told = [f"The images were those of the dataset that {known}{cite(keys)}."]
    else:
        kind = f", {module.modality}" if module.modality else ""
        told = [f"The images were those of {clean(module.title)}{kind}{cite(keys)}, which {known}."]
    if module is not None and module.variants.get(name.variant):
        told.append(f"The variant is described as: {clean(module.variants[name.variant])}.")
    if module is not None and module.licence:
        told.append(f"Their licence is given as {clean(module.licence)}.")
    files = unique(r.provenance.source for r in table.done if r.provenance)
    if files:
        told.append(f"The records name the files that they were read from as {said(files)}.")
    params = {k: v for k, v in table.section.terms.data_params.items() if v not in (None, "")}
    if params:
        given = ", ".join(code(f"{k}={v}") for k, v in sorted(params.items()))
        told.append(f"The dataset was read with {given}.")
    return told


def classes(table: Table) -> list[str]:
    """Training images as the regime left them, and what was tested."""
    record = table.section.example
    assert record is not None  # the caller tells finished tables only
    return [_regime(table), *OF_TRACK[table.section.track](table, record), *_validated(table)]


def _regime(table: Table) -> str:
    name = DataName.parse(table.slug)
    kind, number = regimes.parse(name.dataset, name.regime)
    key = next((k for k in regimes.KINDS if re.sub(r"<\w+>", "", k) == kind), "")
    which = re.search(r"<(\w+)>", key)
    numbers = f"; {which[1].replace('k', 'k =')} {number}" if which and which[1] != "name" else ""
    return f"The regime {code(name.regime)} was applied: {regimes.KINDS.get(key, kind)}{numbers}."


def _amounts(names: tuple[str, ...], counts: tuple[int, ...]) -> str:
    order = sorted(range(len(counts)), key=lambda k: (-counts[k], k))
    return ", ".join(f"{clean(names[k])} {counts[k]:,}" for k in order)


def _long_tail(table: Table, record: Record) -> list[str]:
    counts = record.class_counts
    trained = [n for n in counts if n]
    section, members = table.section, dict[str, list[str]]()
    for k in section.by_count:
        members.setdefault(section.class_groups[k], []).append(clean(record.class_names[k]))
    head, tail = group_cuts(counts)
    groups = "; ".join(f"{group} {listed(names)}" for group, names in members.items())
    return [
        f"This left {sum(counts):,} training images of {len(counts)} classes "
        f"({_amounts(record.class_names, counts)}), an imbalance ratio of "
        f"{max(trained) / min(trained):.1f} between the largest and the smallest class.",
        f"Head classes had more than {head:,.1f} training images (4/3 of the mean of a class), "
        f"tail classes fewer than {tail:,.1f} (2/3 of it), medium classes were between: {groups}.",
        f"The test split was not cut: {sum(record.support):,} images "
        f"({_amounts(record.class_names, record.support)}).",
    ]


def _few_shot(table: Table, record: Record) -> list[str]:
    name = DataName.parse(table.slug)
    kind, shots = regimes.parse(name.dataset, name.regime)
    rare = len(record.scored_names)
    ways = 2 if kind == "shot" else rare
    queries = "all their other images" if kind == "shotrest" else f"up to {plans.N_QUERY} of each"
    trained = [n for n in record.class_counts if n]
    return [
        f"Networks were trained on {sum(trained):,} images of the {len(record.class_names)} common "
        f"classes ({_amounts(record.class_names, record.class_counts)}), an imbalance ratio of "
        f"{max(trained) / min(trained):.1f}.",
        f"They were tested on {rare} rare classes that no training saw "
        f"({_amounts(record.scored_names, record.support)} images) in "
        f"{table.section.terms.test_episodes:,} episodes, the same for all rows and seeds: {ways} "
        f"of these classes, {shots} labelled image{'s' * (shots > 1)} of each to learn from and "
        f"{queries} to classify.",
    ]


def _one_class(table: Table, record: Record) -> list[str]:
    given, abnormal = clean(record.class_names[0]), sum(record.class_counts[1:])
    seen = (
        f"{abnormal:,} abnormal images with their label (a ratio of "
        f"{record.class_counts[0] / abnormal:.1f} to 1)"
        if abnormal
        else "no abnormal image"
    )
    images = record.metrics.get("given_images")
    tested = f"{images:,.0f} images of it and " if isinstance(images, int | float) else ""
    return [
        f"The given class was {given}: {record.class_counts[0]:,} training images, and {seen}.",
        f"The test split had {tested}{sum(record.support):,} abnormal images "
        f"({_amounts(record.scored_names, record.support)}).",
    ]


def _active(table: Table, record: Record) -> list[str]:
    terms, rounds = table.section.terms, record.rounds
    start = rounds[0].labelled if rounds else sum(record.class_counts)
    last = rounds[-1].labelled if rounds else start
    rare = listed([clean(record.class_names[k]) for k in table.section.rare])
    counts = [n for n in record.class_counts if n]
    return [
        f"{start:,} images were labelled at the start "
        f"({_amounts(record.class_names, record.class_counts)}; an imbalance ratio of "
        f"{max(counts) / min(counts):.1f}) and {last:,} at the end: {terms.rounds} trainings from "
        f"scratch, {terms.acquire} images chosen from a pool of {record.pool:,} between two of "
        "them.",
        f"The rare classes that were sought were {rare}." if rare else "No class was sought.",
        f"The test split was not cut: {sum(record.support):,} images "
        f"({_amounts(record.class_names, record.support)}).",
    ]


OF_TRACK: dict[Track, Callable[[Table, Record], list[str]]] = {
    "long_tail": _long_tail,
    "few_shot": _few_shot,
    "one_class": _one_class,
    "active": _active,
}


def _validated(table: Table) -> list[str]:
    held = table.held
    if held is None:
        return []
    names = table.section.example.class_names if table.section.example else ()
    counts = np.bincount(held.target, minlength=len(names))
    amounts = _amounts(names, tuple(counts.tolist()))
    return [f"The validation split had {len(held.target):,} images ({amounts})."]


def partition(table: Table) -> list[str]:
    """How splits were kept apart."""
    name, told = DataName.parse(table.slug), []
    digests = unique(r.provenance.split_digest for r in table.done if r.provenance)
    if name.variant.startswith("leaky_"):
        told.append(
            "This split is published as it is and is marked as LEAKING: the same patient or "
            "lesion may stand in train and test, so that its numbers are no estimate for new ones."
        )
    else:
        told.append(
            "Splits were by group, the coarsest unit that the dataset names (such as patient or "
            "lesion): medtail trains on no data of which a group, or an image pixel for pixel, "
            "stands in two splits."
        )
    if digests:
        told.append(f"The split lists have the digest {said(digests)}.")
    told += drawn(table.section)
    if table.section.track == "few_shot":
        told.append(
            "Images of the rare classes in all splits made the episodes; no group stood on both "
            "sides of one."
        )
    elif table.test is not None:
        amount = len(np.unique(table.test.id))
        told.append(
            f"The {amount:,} test images were of {table.groups:,} groups."
            if table.groups
            else f"In the stored predictions each of the {amount:,} test images is a group of its "
            "own."
        )
    return told


def images(terms: Terms, records: list[Record]) -> list[str]:
    """Size, augmentation, normalisation."""
    height, width = terms.image_size
    recipes = unique(r.content.recipe for r in records if r.content)
    made = f" (the recipe of the pixels: {said(recipes)})" if recipes else ""
    given = terms.normalisation
    if isinstance(given, Channels):
        mean, std = (", ".join(f"{n:g}" for n in numbers) for numbers in (given.mean, given.std))
        how = f"the means {mean} and the deviations {std}"
    else:
        how = NORMALISED[given]
    return [
        f"Images were {height} x {width} pixels{made}.",
        f"{AUGMENTED[terms.augment]}.",
        f"They were normalised by {how}.",
    ]


def unique(values: Iterable[str]) -> list[str]:
    """Those that are told, each once."""
    return sorted({value for value in values if value})


def said(values: list[str]) -> str:
    """Several as code in a sentence."""
    return listed([code(v) for v in values])
