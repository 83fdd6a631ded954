"""Dataset cards: the page of a dataset, with its files at hand or without them."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from medtail import datamodules
from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.card import card
from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.layouts import SPELLING
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.spelling import DEPTH

from ..boards.columns import VIEWS
from ..boards.formatting import code, plain
from .docstrings import escaped
from .evidence import Board
from .method_pages import FIRST, MARK, table

FULL = MARK + "; changes by hand are lost. Images: {images}; groups: {groups} -->"
FACTS = re.compile(re.escape(MARK) + r".*Images: (.+?); groups: (.+?) -->")
HOME = "[All cards](../README.md)"


class Summary(NamedTuple):
    """A dataset in a line of the index, in words."""

    slug: str
    title: str
    images: str
    groups: str
    licence: str


def module_of(slug: str) -> ImageDataModule | None:
    """The data module of a slug, not yet prepared; of its first variant, where the slug is refused.

    None for a dataset that cannot be had in any form.
    """
    family = datamodules.get(slug)
    for name in (slug, *(f"{slug}+{variant}" for variant in family.variants)):
        if name not in family.refused:
            return datamodules.build(name)
    return None


def full(module: ImageDataModule, boards: Sequence[Board], folder: str, picture: str) -> str:
    """The page of a dataset whose files are there; prepares the module.

    Args:
        module: under its natural regime.
        boards: those of the dataset.
        folder: where the leaderboards are, seen from the page.
        picture: file of its class examples beside the page; empty for none.
    """
    slug = module.name.dataset
    text = card(module).strip()
    heading, _, body = text.partition("\n")
    group = module.table.group
    groups = "unknown" if group is None else f"{len(np.unique(group)):,}"
    parts = [FULL.format(images=f"{len(module.table):,}", groups=groups), heading, HOME]
    parts += [*_refused(slug), body.strip(), *_variants(slug)]
    parts += _layouts(module, escaped(plain(module.files[:1].upper() + module.files[1:])))
    parts += ["## Boards", _boards(boards, folder)]
    if picture:
        parts += ["## Class examples", f"![Images of each class, a row per class]({picture})"]
    return "\n\n".join(parts) + "\n"


def short(slug: str) -> str:
    """The page of what is known of a dataset without its files."""
    known: ImageDataModule | type[ImageDataModule] = module_of(slug) or datamodules.get(slug)
    names = ", ".join(known.class_names)
    order = ", ordered" if known.ordinal else ""
    facts = {
        "licence": known.licence,
        "cite": known.citation,
        "classes": f"{len(known.class_names)}{order}: {names}" if names else "",
        "modality": known.modality,
        "files": f"not there when this card was written; {known.files}" if known.files else "",
    }
    lines = [f"- {key}: {escaped(plain(text))}" for key, text in facts.items() if text]
    parts = [FIRST, f"# {slug}" + (f": {known.title}" if known.title else ""), HOME]
    told = ["\n".join(lines)] if lines else []
    parts += [*_refused(slug), *told, *_variants(slug), *_layouts(known)]
    return "\n\n".join(parts) + "\n"


def is_full(page: str) -> bool:
    """Whether a page was written with the files at hand."""
    return bool(FACTS.match(page))


def summary(slug: str, page: str) -> Summary:
    """What the index says of a dataset, read off its page, so that a kept page tells its own."""
    facts = FACTS.match(page)
    images, groups = facts.groups() if facts else ("", "")
    heading = re.search(r"^# (?:.+?: )?(.+)$", page, re.MULTILINE)
    licence = re.search(r"^- licence: (.+)$", page, re.MULTILINE)
    title = heading[1] if heading else ""
    return Summary(slug, title, images, groups, licence[1] if licence else "")


def about(boards: Sequence[Board], slug: str) -> list[Board]:
    """The boards of a dataset, the natural regime first."""
    mine = [board for board in boards if DataName.parse(board.slug).dataset == slug]
    return sorted(mine, key=lambda b: (DataName.parse(b.slug).regime != "natural", b.slug))


def _refused(slug: str) -> list[str]:
    reason = datamodules.get(slug).refused.get(slug)
    return [f"**{code(slug)} itself cannot be used**: {escaped(reason)}."] if reason else []


def _variants(slug: str) -> list[str]:
    family = datamodules.get(slug)
    found = {f"{slug}+{name}": text for name, text in family.variants.items()}
    lines = [f"- {code(n)}: {escaped(t)}" for n, t in found.items() if n not in family.refused]
    return ["## Variants", "\n".join(lines)] if lines else []


def _layouts(known: ImageDataModule | type[ImageDataModule], *before: str) -> list[str]:
    """How the files may lie: any of the label files with any of the image folders."""
    kinds = [("labels", known.layouts.labels, ""), ("images", known.layouts.images, "/")]
    rows = [
        [kind, " + ".join(code(f"{n}{end}") for n in part.names if n), escaped(plain(part.whose))]
        for kind, parts, end in kinds
        for part in parts
    ]
    if not rows:
        return []
    places = " or ".join(code(f"{name}/") for name in known.folders if name)
    anywhere = ", or in the root itself" if "" in known.folders else ""
    text = (
        f"In {places} of the data root{anywhere}, up to {DEPTH} folders deep: labels of one row "
        f"and images of one row, {SPELLING}."
    )
    return ["## Files", *before, text, table([["", "Files or folders", "Whose"], *rows])]


def _boards(boards: Sequence[Board], folder: str) -> str:
    """Links to the boards of a dataset, and what each of them trained on."""
    lines, columns = [], {}
    for board in boards:
        track = VIEWS[board.sections[0].track].title.lower()
        lines.append(f"- [{board.slug}]({folder}/{board.slug}.md): {track}")
        amounts: list[dict[str, int]] = []
        for record in (s.example for s in board.sections if s.example):
            counts = dict(zip(record.class_names, record.class_counts, strict=True))
            if counts not in amounts:
                amounts.append(counts)
        for number, counts in enumerate(amounts, 1):
            title = board.slug.removeprefix(DataName.parse(board.slug).dataset)
            columns[title + (f" ({number})" if len(amounts) > 1 else "")] = counts
    if not columns:
        return "\n".join(lines) or "None yet."
    names = dict.fromkeys(name for counts in columns.values() for name in counts)
    cells = [["Class", *columns]]
    for name in names:
        amount = [counts.get(name) for counts in columns.values()]
        cells.append([plain(name), *("" if n is None else f"{n:,}" for n in amount)])
    cells.append(["all", *(f"{sum(counts.values()):,}" for counts in columns.values())])
    told = "Training images of each class, as the records of the boards have them:"
    return "\n".join(lines) + f"\n\n{told}\n\n{table(cells)}"


def problem(module: ImageDataModule) -> DataError | None:
    """Why a dataset's card cannot be written in full; None where it can. Prepares the module."""
    try:
        module.prepare()
    except DataError as error:
        return error
    return None
