"""The boards as one JSON document: everything that pages say, for programs to read.

A pure function of records and statistics: six digits, sorted keys, a row of a table on a line.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from medtail.datamodules.core.names import DataName

from ..evidence.record import Record
from . import tuned_words
from .certainty import sure
from .columns import COLUMNS
from .critical_difference import critical
from .json_rows import Beside, row_form, submitted_form, values_of
from .outside import unmatched
from .over_sources import OverSources
from .papers import paper
from .preamble import facts
from .rounds import rounds
from .row_curves import places
from .section import Section
from .standing import Standing
from .terms import describe

Json = Any
SCHEMA = 3  # of the document
DIGITS = 6
PLAIN = ("nll", "brier")  # no shares of 1: not to be shown in %
DEPTH = 6  # document, boards, board, tables, table, rows: below it all is one line
ABOUT = (
    "Leaderboards of medtail, derived from records/ and statistics/. A number of a row is [mean, "
    "sd over seeds, low, high]: the ends of a 95 % interval, null where it has none; values holds "
    "the same metric seed by seed, in the order of its records. Shares are 0 to 1. pairs: how far "
    "95 % intervals of paired differences reach to either side: of each named row, to the rows "
    "after it. curves: in thousandths, means over seeds, at curve_places; confusion: sums over "
    "seeds. rounds: as a number of a row, after each training. largest: the board with the most "
    "records."
)


def document(
    boards: dict[str, list[Section]],
    standings: dict[str, list[Standing]],
    curves: Mapping[str, Sequence[Mapping[str, Json]]] = {},
    notes: Mapping[str, Sequence[tuple[str, str]]] = {},
    cards: Mapping[str, str] = {},
    overall: OverSources | None = None,
) -> dict[str, Json]:
    """Everything about some boards.

    Args:
        boards: tables by ``data@regime``.
        standings: of these tables.
        curves: of these tables, see ``row_curves``.
        notes: titles and addresses of pages about a board.
        cards: addresses of the cards of methods, as far as there are any.
        overall: rows over sources, where there are enough.
    """
    compared = [c.model_dump(mode="json") for c in critical(boards)]
    made = [
        _board(slug, boards[slug], standings[slug], curves.get(slug, ()), notes.get(slug, ()))
        for slug in sorted(boards)
    ]
    records = {slug: sum(len(p.records) for p in boards[slug]) for slug in sorted(boards)}
    used = sorted({r.cell.method for parts in boards.values() for p in parts for r in p.records})
    whole = {
        "schema": SCHEMA,
        "about": ABOUT,
        "boards": made,
        "largest": max(records, key=records.__getitem__, default=""),
        "critical": compared,
        **({"over_sources": overall.model_dump(mode="json")} if overall else {}),
        "curve_places": places(),
        "methods": {name: _method(name, cards) for name in used},
    }
    rounded: dict[str, Json] = _rounded(whole)
    return rounded


def text(whole: dict[str, Json]) -> str:
    """The document as a file."""
    return _lay(whole, DEPTH) + "\n"


def _method(name: str, cards: Mapping[str, str]) -> Json:
    reference, address = paper(name)
    return {"paper": reference, "address": address, "card": cards.get(name, "")}


def _board(
    slug: str,
    sections: list[Section],
    standings: list[Standing],
    curves: Sequence[Mapping[str, Json]],
    notes: Sequence[tuple[str, str]],
) -> Json:
    name = DataName.parse(slug)
    drawn = curves or [{}] * len(sections)
    return {
        "data": slug,
        "dataset": name.source,
        "regime": name.regime,
        "track": sections[0].track,
        "track_title": sections[0].view.title,
        "notes": [{"title": title, "address": address} for title, address in notes],
        "tables": [_table(*part) for part in zip(sections, standings, drawn, strict=True)],
    }


def _table(section: Section, standing: Standing, curves: Mapping[str, Json]) -> Json:
    view, example = section.view, section.example
    columns = section.columns([c.key for c in section.every_column])
    columns = [
        c for c in columns if any(v is not None for r in section.rows for v in values_of(r, c))
    ]
    environments: list[Json] = []
    beside = Beside(curves, rounds(section) if section.rounds else {})
    rows = [
        row_form(number, row, section, columns, standing.of(row), environments, beside)
        for number, row in enumerate(section.rows, 1)
    ]
    rows += [submitted_form(row, section, columns, standing, beside) for row in section.outside]
    told = sure(section, standing)
    said = [*facts(section).splitlines(), *([f"- {told}"] if told else [])] if example else []
    said += unmatched(section)
    studies = tuned_words.form(section, standing)
    said += [f"- {line}" for study in studies for line in study["words"]]
    made = {
        "words": ", ".join(describe(section.terms)),
        "terms": section.terms.model_dump(mode="json"),
        "facts": [line.removeprefix("- ") for line in said],
        "seeds": section.seeds,
        "primary": view.primary,
        "smallest_difference": standing.smallest_difference,
        "pairs": standing.pairs.model_dump(mode="json"),
        "metrics": [
            {
                "key": c.key,
                "title": c.title,
                "best": c.best,
                "unit": "plain" if c.name in PLAIN else c.unit,
                "shown": c.key in view.page,
            }
            for c in columns
        ],
        "class_metrics": _class_titles(section),
        "classes": _classes(section),
        "trained": _trained(example) if example else [],
        "labelled": [r.labelled for r in example.rounds] if example else [],
        "environments": environments,
        "rows": rows,
    }
    return made | ({"tuned": studies} if studies else {})


def _class_titles(section: Section) -> Json:
    view = section.view
    titles = view.classes | {name: _title(name) for name in view.also}
    return [{"key": key, "title": titles[key]} for key in section.class_metrics]


def _title(name: str) -> str:
    known = [c.title for c in COLUMNS if c.name == name.removesuffix("_per_class")]
    return known[0] if known else name.upper() if len(name) <= 3 else name.capitalize()


def _classes(section: Section) -> Json:
    """Those that per-class metrics are about, in the order of their lists."""
    record = section.example
    if record is None:
        return []
    own = not record.scored_names
    return [
        {
            "name": name,
            "train": record.class_counts[k] if own else None,
            "test": record.support[k],
            "group": section.class_groups[k] if own else None,
            "rare": k in section.rare,
        }
        for k, name in enumerate(section.names)
    ]


def _trained(record: Record) -> Json:
    """Classes of training, where they are not the scored ones."""
    if not record.scored_names:
        return []
    pairs = zip(record.class_names, record.class_counts, strict=True)
    return [{"name": name, "train": count} for name, count in pairs]


def _rounded(value: Json) -> Json:
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list | tuple) else value


def _lay(value: Json, depth: int) -> str:
    """JSON with a line for every entry down to a depth; lists of plain values stay on one."""
    entries = value.values() if isinstance(value, dict) else value
    if not depth or not isinstance(value, dict | list):
        return _plain(value)
    if not any(isinstance(v, dict | list) for v in entries):
        return _plain(value)
    if isinstance(value, list):
        return "[\n" + ",\n".join(_lay(v, depth - 1) for v in value) + "\n]"
    lines = [f"{_plain(k)}: {_lay(value[k], depth - 1)}" for k in sorted(value)]
    return "{\n" + ",\n".join(lines) + "\n}"


def _plain(value: Json) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
