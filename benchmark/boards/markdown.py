"""The text of a leaderboard: Markdown, CSV and the table of the terminal."""

import csv
import io

from rich import box
from rich.table import Table

from medtail.datamodules.core.contract import Track
from medtail.datamodules.core.markup import inert

from . import tuned_words
from .active_tables import choices, course, penalties
from .certainty import ends, places, sure
from .columns import View, column
from .formatting import (
    code,
    digits,
    field,
    markdown,
    marked,
    plain,
    rank,
    row_name,
    row_seeds,
    shown,
)
from .outside import words
from .preamble import facts
from .row import Stat
from .section import Section, apart
from .standing import Numbers, Standing
from .terms import describe

PARTS = ("mean", "sd", "low", "high")
LONGEST = 40  # letters of a row's name on one line of the terminal
MARK = "<!-- Written by `medtail leaderboards` from records/; changes by hand are lost. -->"
DECISIONS = (
    "Calibration, specificity for critical classes, other class priors, costs of your own, risk "
    "against coverage and subgroups, from the predictions of this board"
)
PICTURES: dict[Track, str] = {
    "long_tail": "Recall of every class by every method",
    "few_shot": "AUC over episodes and of every rare class by every method",
    "one_class": "AUROC overall and of every abnormal class by every method",
    "active": "Learning curves of every method",
}


def board(
    data: str,
    sections: list[Section],
    standings: list[Standing],
    image: bool,
    notes: list[tuple[str, str]],
) -> str:
    """The page of a ``data@regime``.

    Args:
        data: name with regime.
        sections: of the board.
        standings: of the sections.
        image: whether there is a picture beside the page.
        notes: titles and links of what was written by hand about these results.
    """
    links = [("All leaderboards", "README.md"), ("every metric", f"{data}.csv"), *notes]
    parts = [MARK, f"# {data}", " · ".join(f"[{title}]({link})" for title, link in links)]
    if image:
        parts.append(f"![{PICTURES[sections[0].track]}]({data}.png)")
    if len(sections) > 1:
        why = dict.fromkeys(apart(sections[0], other) for other in sections[1:])
        parts.append(
            f"{len(sections)} tables, whose rows cannot be compared with each other: "
            f"{plain('; '.join(why))}."
        )
    if sections[0].track == "long_tail":
        parts.append(f"{DECISIONS}: `medtail decisions {data}`.")
    for section, standing in zip(sections, standings, strict=True):
        terms = ", ".join(describe(section.terms))
        parts.append(f"## {inert(terms[0].upper() + terms[1:])}")
        if section.example:
            told = sure(section, standing)
            parts += [facts(section) + (f"\n- {told}" if told else "")]
            parts += [_ranking(section, standing), *words(section, standing)]
            parts += [*tuned_words.page(section, standing), _classes(section)]
            if section.track == "active":
                parts += [course(section), choices(section), *penalties(section)]
        parts += _failures(section)
    return "\n\n".join(parts) + "\n"


def table(sections: list[Section], standings: list[Standing]) -> str:
    """CSV of a board, of one track: a line per method.

    Every metric has its mean and deviation over seeds, and where it was drawn anew its interval.
    """
    view, columns = sections[0].view, sections[0].every_column
    names = dict.fromkeys(n for s in sections for n in s.names)
    head = ["terms", "rank", "method", "status", "seeds", "failed_seeds"]
    for name in view.ranking:
        head += [_rank_title(view, name, part) for part in ("rank_low", "rank_high", "win_rate")]
    head += [f"{c.key}_{part}" for c in columns for part in PARTS]
    per_class = (*view.classes, *view.also)
    entries = [(c.removesuffix("_per_class"), c, name) for c in per_class for name in names]
    head += [f"{short}[{name}]_{part}" for short, _, name in entries for part in PARTS]
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerow(head)
    for section, standing in zip(sections, standings, strict=True):
        place = {n: k for k, n in enumerate(section.names)}
        for number, row in section.shown:
            known = standing.of(row)
            stats = [(row.stat(c), known.intervals.get(c.key)) for c in columns]
            for _, metric, name in entries:
                k = place.get(name)
                drawn = known.classes.get(metric, ())
                value = row.of_class(metric, k) if k is not None else None
                stats.append((value, drawn[k] if drawn and k is not None else None))
            first = [number or "", field(row.name), row.status, len(row.done)]
            sure = [
                value
                for name in view.ranking
                for value in (*known.ranks.get(name, ("", "")), digits(known.wins.get(name)))
            ]
            values = [digits(v) for pair in stats for v in _parts(*pair)]
            terms = ", ".join(describe(section.terms))
            out.writerow([terms, *first, len(row.failed), *sure, *values])
    return file.getvalue()


def _rank_title(view: View, metric: str, part: str) -> str:
    """Of a column of the CSV; the primary metric's has no name."""
    return part if metric == view.primary else f"{metric}_{part}"


def _parts(value: Stat | None, drawn: Numbers | None) -> list[float | None]:
    """In the order of ``PARTS``."""
    low, high = drawn[1:] if drawn else (None, None)
    return [value.mean, value.sd, low, high] if value else [None] * len(PARTS)


def terminal(data: str, section: Section) -> Table:
    """The short form."""
    caption = "; ".join(describe(section.terms))
    made = Table(title=data, caption=caption, box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    columns = section.columns(section.view.terminal)
    longest = max(len(row.name) for _, row in section.shown)
    made.add_column("", justify="right")
    made.add_column("Method", overflow="fold", min_width=min(longest, LONGEST))
    for title in (*(f"{c.short or c.title}{c.sign}" for c in columns), "Seeds"):
        made.add_column(title, justify="right")
    for number, row in section.shown:
        values = [shown(row.stat(c), c.unit) for c in columns]
        style = "red" if row.failed else None if row.complete else "yellow"
        seeds = row_seeds(row).replace(" of ", "/")
        made.add_row(rank(number, row), row.name, *values, seeds, style=style)
    return made


def _ranking(section: Section, standing: Standing) -> str:
    columns, primary = section.columns(section.view.page), column(section.view.primary)
    titles = list[str]()
    for c in columns:
        ranks = c.key in section.view.ranking
        titles += [c.title, *(["95 % interval", "Rank, 95 %"] if ranks else [])]
    lines = [["", "Method", *titles, "Seeds"]]
    for number, row in section.shown:
        known, cells = standing.of(row), list[str]()
        for c in columns:
            cells.append(marked(row, row.stat(c), section.best(c), c.unit))
            if c.key in section.view.ranking:
                cells += [ends(known.intervals.get(c.key)), places(known, c.key)]
        lines.append([rank(number, row), row_name(row), *cells, row_seeds(row)])
    counts = ", ".join(c.title.lower() for c in columns if c.unit == "count")
    notes = f"In %{f' ({counts}: a number)' if counts else ''}, ranked by {primary.words}; "
    notes += "the best mean of a column is **bold**."
    if any(row.reconstruction for row in section.rows):
        notes += " † reconstruction: the paper leaves a formula open."
    beyond = [f"{code(r.name)} {' and '.join(r.extras)}" for r in section.rows if r.extras]
    if beyond:
        notes += f" ‡ had more than the terms above: {'; '.join(beyond)}."
    if any(row.failed for row in section.rows):
        notes += " ✗ n of m: n of m seeds failed; such a row is not ranked."
    if any(not (row.complete or row.failed) for row in section.rows):
        notes += " n of m: only n of the table's m seeds were run; such a row is not ranked."
    return f"{notes}\n\n{markdown(lines)}"


def _classes(section: Section) -> str:
    """Per-class metrics, of one metric a column per class, of several a block of columns each."""
    titles = section.view.classes
    entries = [(name, k) for name in titles for k in section.by_count]
    best = {entry: section.best_of_class(*entry) for entry in entries}
    several = len(titles) > 1
    head = [_head(section, k) + (f"<br>{titles[n]}" if several else "") for n, k in entries]
    lines = [["Method", *head]]
    for _, row in section.shown:
        if row.done:
            stats = [marked(row, row.of_class(*entry), b) for entry, b in best.items()]
            lines.append([row_name(row), *stats])
    title = " and ".join(titles.values())
    return f"### {title} of each class, %\n\n{markdown(lines, left=0)}"


def _head(section: Section, index: int) -> str:
    record = section.example
    assert record is not None  # the caller shows finished sections only
    facts = [inert(section.names[index])]
    if section.track == "active":
        facts += ["rare"] * (index in section.rare)
    if not record.scored_names:
        facts.append(f"train {record.class_counts[index]:,}")
    return "<br>".join([*facts, f"test {record.support[index]:,}"])


def _failures(section: Section) -> list[str]:
    failed = [(row.name, r) for row in section.rows for r in row.failed]
    lines = [f"- ✗ {code(name)}, seed {r.cell.seed}: {inert(r.reason)}" for name, r in failed]
    return ["### Failures", "\n".join(lines)] if lines else []
