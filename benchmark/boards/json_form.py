"""The boards as one JSON document: everything that pages say, for programs to read.

A pure function of records and statistics: six digits, sorted keys, a row of a table on a line.
"""

import json
import math
from typing import Any

from medtail.datamodules.core.names import DataName

from ..evidence.record import Record
from ..grid.again import suite_text
from .certainty import NO_ROW, sure
from .columns import COLUMNS, Column
from .critical_difference import critical
from .preamble import describe, facts
from .row import Row, Stat
from .section import Section
from .standing import Numbers, RowStanding, Standing

Json = Any
SCHEMA = 1  # of the document
DIGITS = 6
PLAIN = ("nll", "brier")  # no shares of 1: not to be shown in %
DEPTH = 6  # document, boards, board, tables, table, rows: below it all is one line
ABOUT = (
    "Leaderboards of medtail, derived from records/ and statistics/. A number of a row is [mean, "
    "sd over seeds, low, high]: the ends of a 95 % interval, null where it has none; values holds "
    "the same metric seed by seed, in the order of its records. Shares are 0 to 1."
)


def document(
    boards: dict[str, list[Section]], standings: dict[str, list[Standing]]
) -> dict[str, Json]:
    """Everything about some boards.

    Args:
        boards: tables by ``data@regime``.
        standings: of these tables.
    """
    compared = [c.model_dump(mode="json") for c in critical(boards)]
    made = [_board(slug, boards[slug], standings[slug]) for slug in sorted(boards)]
    whole = {"schema": SCHEMA, "about": ABOUT, "boards": made, "critical": compared}
    rounded: dict[str, Json] = _rounded(whole)
    return rounded


def text(whole: dict[str, Json]) -> str:
    """The document as a file."""
    return _lay(whole, DEPTH) + "\n"


def _board(slug: str, sections: list[Section], standings: list[Standing]) -> Json:
    name = DataName.parse(slug)
    return {
        "data": slug,
        "dataset": name.source,
        "regime": name.regime,
        "track": sections[0].track,
        "track_title": sections[0].view.title,
        "tables": [_table(*pair) for pair in zip(sections, standings, strict=True)],
    }


def _table(section: Section, standing: Standing) -> Json:
    view, example = section.view, section.example
    columns = section.columns([c.key for c in section.every_column])
    columns = [c for c in columns if any(v is not None for r in section.rows for v in _all(r, c))]
    environments: list[Json] = []
    rows = [
        _row(number, row, section, columns, standing.rows.get(row.name, NO_ROW), environments)
        for number, row in enumerate(section.rows, 1)
    ]
    told = sure(section, standing)
    said = [*facts(section).splitlines(), *([f"- {told}"] if told else [])] if example else []
    return {
        "words": ", ".join(describe(section.terms)),
        "terms": section.terms.model_dump(mode="json"),
        "facts": [line.removeprefix("- ") for line in said],
        "seeds": section.seeds,
        "primary": view.primary,
        "smallest_difference": standing.smallest_difference,
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


def _class_titles(section: Section) -> Json:
    view = section.view
    titles = view.classes | {name: _title(name) for name in view.also}
    known = {name for row in section.rows for r in row.done for name in r.metrics}
    return [{"key": key, "title": title} for key, title in titles.items() if key in known]


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


def _row(
    number: int,
    row: Row,
    section: Section,
    columns: list[Column],
    known: RowStanding,
    environments: list[Json],
) -> Json:
    cells = [r.cell for r in row.done + row.failed]
    per_class = [entry["key"] for entry in _class_titles(section)]
    made = {
        "name": row.name,
        "method": cells[0].method,
        "params": cells[0].model_dump(mode="json")["params"],
        "status": "reconstruction" if row.reconstruction else "faithful" if row.done else "",
        "extras": row.extras,
        "complete": row.complete,
        "place": number if row.complete else None,
        "rank": known.rank,
        "wins": known.wins,
        "metrics": {
            c.key: _numbers(s, known.intervals.get(c.key)) for c in columns if (s := row.stat(c))
        },
        "values": {c.key: values for c in columns if _any(values := _all(row, c))},
        "classes": {
            name: [
                _numbers(row.of_class(name, k), drawn[k] if drawn else None)
                for k in range(len(section.names))
            ]
            for name in per_class
            if row.done and (drawn := known.classes.get(name, ())) is not None
        },
        "records": [_record(r, environments) for r in row.done],
        "failures": [
            {"seed": r.cell.seed, "cell": r.cell_id, "reason": r.reason} for r in row.failed
        ],
        "summaries": [s.model_dump(mode="json") for s in known.summaries],
        "again": suite_text(cells),
    }
    return made | (_course(row, section) if section.rounds and row.done else {})


def _all(row: Row, metric: Column) -> list[float | None]:
    """A column of every finished seed, None where one has none."""
    values = row.values(metric)
    if len(values) == len(row.done):
        return list(values)
    one = [Row(row.name, (r,), (), row.expected).stat(metric) for r in row.done]
    return [s.mean if s else None for s in one]


def _any(values: list[float | None]) -> bool:
    return any(v is not None for v in values)


def _numbers(value: Stat | None, drawn: Numbers | None) -> Json:
    return [value.mean, value.sd, *(drawn[1:] if drawn else (None, None))] if value else None


def _course(row: Row, section: Section) -> Json:
    """Active: metrics after every training, and the images of each class that were chosen."""
    trained = [t.metrics for r in row.done for t in r.rounds]
    names = sorted({k for m in trained for k, v in m.items() if isinstance(v, int | float)})
    found = {n: [row.of_round(n, k) for k in range(section.rounds)] for n in names}
    return {
        "rounds": {n: [[s.mean, s.sd] if s else None for s in ss] for n, ss in found.items()},
        "picked": [
            s.mean if (s := row.picked([k], section.rounds)) else None
            for k in range(len(section.names))
        ],
    }


def _record(record: Record, environments: list[Json]) -> Json:
    """Its provenance in short; what many share stands once, in ``environments``."""
    stages = [s.model_dump(mode="json", exclude={"history"}) for s in record.stages]
    made: Json = {"seed": record.cell.seed, "cell": record.cell_id, "stages": stages}
    if origin := record.provenance:
        shared = origin.model_dump(mode="json", exclude={"commit", "finished"})
        if shared not in environments:
            environments.append(shared)
        made |= {"commit": origin.commit, "finished": origin.finished}
        made["environment"] = environments.index(shared)
    return made | ({"cost": record.cost.model_dump(mode="json")} if record.cost else {})


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
