"""Rows of a table as JSON: their numbers seed by seed, and what they follow from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..evidence.record import Record, Stage
from ..grid.again import suite_text
from .columns import Column
from .outside import place_of
from .rounds import Course
from .row import Row, Stat
from .section import Section
from .standing import Numbers, RowStanding, Standing

Json = Any
COURSE_DIGITS = 4  # of what a training logs after every epoch


@dataclass(frozen=True)
class Beside:
    """What is told of rows beside their numbers, by name.

    Attributes:
        curves: see ``row_curves``.
        rounds: see ``rounds``.
    """

    curves: Mapping[str, Json]
    rounds: Mapping[str, Course]


def row_form(
    number: int,
    row: Row,
    section: Section,
    columns: list[Column],
    known: RowStanding,
    environments: list[Json],
    beside: Beside,
) -> Json:
    """A row.

    Args:
        number: of the row in its table, from 1.
        row: of the table.
        section: the table.
        columns: whose values are told.
        known: how sure they are.
        environments: of the table's records; new ones are added.
        beside: of the table's rows.
    """
    cells = [r.cell for r in row.done + row.failed]
    per_class = section.class_metrics
    made = {
        "name": row.name,
        "method": cells[0].method,
        "params": cells[0].model_dump(mode="json")["params"],
        "status": row.status,
        "extras": row.extras,
        "complete": row.complete,
        "place": number if row.complete else None,
        "ranks": known.ranks,
        "wins": known.wins,
        "metrics": {
            c.key: _numbers(s, known.intervals.get(c.key)) for c in columns if (s := row.stat(c))
        },
        "values": {c.key: values for c in columns if _any(values := values_of(row, c))},
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
    if cells[0].tuned:
        made["tuned"] = cells[0].tuned.model_dump(mode="json")
    if row.name in beside.curves:
        made["curves"] = beside.curves[row.name]
    if row.name in beside.rounds:
        made |= {"rounds": beside.rounds[row.name], "picked": _picked(row, section)}
    return made


def submitted_form(
    row: Row, section: Section, columns: list[Column], standing: Standing, beside: Beside
) -> Json:
    """Predictions that were handed in, in the form of a row that is not ranked.

    Args:
        row: of them.
        section: the table beside which they stand.
        columns: whose values are told.
        standing: of the table.
        beside: of the table's rows.
    """
    entry, found = row.submitted, place_of(section, standing, row)
    assert entry is not None  # or it would stand in the table
    facts = entry.model_dump(mode="json", include={"url", "note", "added", "form", "seeds"})
    would_be = None if found is None else vars(found)
    made: dict[str, Json] = row_form(0, row, section, columns, standing.of(row), [], beside)
    own = {"method": "", "complete": False, "place": None, "again": ""}
    return made | own | {"submitted": facts | {"place": would_be}}


def values_of(row: Row, metric: Column) -> list[float | None]:
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


def _picked(row: Row, section: Section) -> Json:
    """Active: images of each class that were chosen in all rounds, over seeds."""
    stats = [row.picked([k], section.rounds) for k in range(len(section.names))]
    return [s.mean if s else None for s in stats]


def _stage(stage: Stage) -> Json:
    """What became of it, its history turned from a line per epoch to a list per metric."""
    names = sorted({name for epoch in stage.history for name in epoch})
    values = {name: [epoch.get(name) for epoch in stage.history] for name in names}
    made: Json = stage.model_dump(mode="json", exclude={"history"})
    made["history"] = {
        name: [None if v is None else round(v, COURSE_DIGITS) for v in line]
        for name, line in values.items()
    }
    return made


def _record(record: Record, environments: list[Json]) -> Json:
    """Its provenance in short; what many share stands once, in ``environments``."""
    stages = [_stage(stage) for stage in record.stages]
    made: Json = {"seed": record.cell.seed, "cell": record.cell_id, "stages": stages}
    if origin := record.provenance:
        shared = origin.model_dump(mode="json", exclude={"commit", "finished"})
        if shared not in environments:
            environments.append(shared)
        made |= {"commit": origin.commit, "finished": origin.finished}
        made["environment"] = environments.index(shared)
    return made | ({"cost": record.cost.model_dump(mode="json")} if record.cost else {})
