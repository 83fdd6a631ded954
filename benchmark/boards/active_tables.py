"""The tables that only an active board has: its course, what was chosen, who beats whom."""

import math

from medtail.datamodules.core.markup import inert

from ..evidence.record import Record
from ..metrics.active import penalty_matrix
from .formatting import markdown, row_name, shown
from .section import Section

ENOUGH = 6  # seeds of which a signed-rank test can reach 0.05
FEWEST = 3  # seeds of a table that compares at all


def course(section: Section) -> str:
    """Rare accuracy after every training."""
    record = section.example
    assert record is not None  # the caller shows finished sections only
    lines = [["Method", *(f"{r.labelled:,}" for r in record.rounds)]]
    for row in section.rows:
        if row.done:
            values = [row.of_round("rare_accuracy", k) for k in range(len(record.rounds))]
            lines.append([row_name(row), *(shown(v) for v in values)])
    return f"### Rare accuracy by labelled images, %\n\n{markdown(lines, left=0)}"


def choices(section: Section) -> str:
    """Images chosen of each class, all rounds together."""
    order = sorted(section.by_count, key=lambda k: k not in section.rare)
    names = [f"{inert(section.names[k])}{'<br>rare' if k in section.rare else ''}" for k in order]
    lines = [["Method", *names]]
    for row in section.rows:
        if row.done:
            values = [row.picked([k], section.rounds) for k in order]
            lines.append([row_name(row), *(shown(v, "count") for v in values)])
    return f"### Images chosen of each class, a number\n\n{markdown(lines, left=0)}"


def penalties(section: Section) -> list[str]:
    """How often a row's rare accuracy is significantly above a column's; nothing without rivals."""
    rows = [row for row in section.rows if row.complete]
    seeds = len(section.seeds)
    curves = {row.name: {r.cell.seed: _curve(r) for r in row.done} for row in rows}
    undefined = any(math.isnan(sum(curve)) for runs in curves.values() for curve in runs.values())
    if len(rows) < 2 or seeds < FEWEST or undefined:
        return []
    by_round = seeds >= ENOUGH
    found = penalty_matrix(curves, over="seeds" if by_round else "seeds_and_rounds")
    lines = [["", "Method", *(str(n) for n in range(1, len(rows) + 1))]]
    for number, row in enumerate(rows):
        cells = [f"{v:.2f}" for v in found.matrix[number]]
        cells[number] = ""
        lines.append([str(number + 1), row_name(row), *cells])
    lines.append(["", "is beaten", *(f"{v:.2f}" for v in found.column)])
    how = (
        "share of rounds in which its rare accuracy is significantly above (two-sided signed-rank "
        "test over seeds, 0.05, not corrected for the number of tests)"
        if by_round
        else "1 where its rare accuracy is significantly above (one two-sided signed-rank test "
        f"over the rounds of all {seeds} seeds, 0.05, not corrected). The rounds of a seed are not "
        f"independent: take it as a hint; a test per round needs {ENOUGH} seeds"
    )
    text = f"A row against a column: {how}. The last line is a column's mean, lower is better."
    return ["### Who beats whom", f"{text}\n\n{markdown(lines)}"]


def _curve(record: Record) -> list[float]:
    """Rare accuracy after each choice: before the first, rows of one learner are the same."""
    values = [r.metrics.get("rare_accuracy") for r in record.rounds[1:]]
    return [float(v) if isinstance(v, int | float) else math.nan for v in values]
