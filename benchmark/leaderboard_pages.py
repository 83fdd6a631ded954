"""The text of a leaderboard: Markdown, CSV and the table of the terminal."""

import csv
import io
import re

from rich import box
from rich.table import Table

from .cell import Terms
from .leaderboard_columns import CLASS_COLUMNS, COLUMNS
from .leaderboard_rows import Row, Section, Stat
from .metrics import group_cuts

SELECTIONS = {
    "best_balanced_accuracy": "epoch chosen by best validation balanced accuracy",
    "best_macro_auc": "epoch chosen by best validation macro AUC",
    "last": "last epoch scored",
}
# The optimisers of timm that a budget's momentum reaches; the others have betas of their own.
MOMENTUM = re.compile(r"sgd|momentum|nesterov|rmsprop|lar[cs]$|madgrad|muon|kron|adafactorbv")
LONGEST = 40  # letters of a row's name on one line of the terminal
MARK = "<!-- Written by `medtail leaderboards` from records/; changes by hand are lost. -->"
PLUS_MINUS = (
    "± is the sample standard deviation over seeds: how far repeated trainings differ. It is no "
    "confidence interval and knows nothing of the chance that lies in a finite test set."
)


def describe(terms: Terms) -> list[str]:
    """The terms of a table in plain words: data and network, then budget and selection."""
    height, width = terms.image_size
    budget = terms.budget
    momentum = f", momentum {budget.momentum:g}" if MOMENTUM.search(budget.optimizer) else ""
    params = [f"{name} {value}" for name, value in sorted(terms.data_params.items())]
    return [
        ", ".join(
            [
                *params,
                f"{height} x {width} px",
                f"{terms.augment} augmentation",
                f"{terms.backbone} {'pretrained' if terms.pretrained else 'from scratch'}",
                f"{budget.epochs} epochs x batch {budget.batch_size}",
            ]
        ),
        f"{budget.optimizer} lr {budget.lr:g}{momentum}, "
        f"weight decay {budget.weight_decay:g}, warm-up {100 * budget.warmup:g} %, "
        f"{budget.precision}, {SELECTIONS[terms.selection]}",
    ]


def board(data: str, sections: list[Section], image: bool, notes: str = "") -> str:
    """The page of a ``data@regime``.

    Args:
        data: name with regime.
        sections: of the board.
        image: whether there is a heat map beside the page.
        notes: link to what was written by hand about the dataset's results, if anything was.
    """
    links = f"[All leaderboards](README.md) · [every metric]({data}.csv)"
    if notes:
        links += f" · [Notes on these results]({notes})"
    parts = [MARK, f"# {data}", links]
    if image:
        parts.append(f"![Recall of every class by every method]({data}.png)")
    if len(sections) > 1:
        parts.append(
            f"{len(sections)} tables: their rows were trained or scored on different terms or "
            "files and cannot be compared with each other."
        )
    for section in sections:
        terms = ", ".join(describe(section.terms))
        parts.append(f"## {terms[0].upper()}{terms[1:]}")
        if section.example:
            parts += [_facts(section), _ranking(section), _classes(section)]
        parts += _failures(section)
    return "\n\n".join(parts) + "\n"


def table(sections: list[Section]) -> str:
    """CSV of all sections: a line per method, every metric as mean and standard deviation."""
    names = dict.fromkeys(n for s in sections if s.example for n in s.example.class_names)
    head = ["terms", "rank", "method", "status", "seeds", "failed_seeds"]
    head += [f"{c.key}_{part}" for c in COLUMNS for part in ("mean", "sd")]
    entries = [(c.removesuffix("_per_class"), c, name) for c in CLASS_COLUMNS for name in names]
    head += [f"{short}[{name}]_{part}" for short, _, name in entries for part in ("mean", "sd")]
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerow(head)
    for section in sections:
        place = {n: k for k, n in enumerate(section.example.class_names if section.example else ())}
        for rank, row in enumerate(section.rows, 1):
            stats = [row.stat(c) for c in COLUMNS]
            stats += [row.of_class(c, place[n]) if n in place else None for _, c, n in entries]
            status = "reconstruction" if row.reconstruction else "faithful" if row.done else ""
            number = [rank if row.complete else "", row.name, status, len(row.done)]
            values = [_digits(v) for s in stats for v in ((s.mean, s.sd) if s else (None, None))]
            out.writerow([", ".join(describe(section.terms)), *number, len(row.failed), *values])
    return file.getvalue()


def terminal(data: str, section: Section) -> Table:
    """The short form."""
    caption = "; ".join(describe(section.terms))
    shown = Table(title=data, caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    columns = section.columns("terminal")
    longest = max(len(row.name) for row in section.rows)
    shown.add_column("", justify="right")
    shown.add_column("Method", overflow="fold", min_width=min(longest, LONGEST))
    for title in (*(f"{c.short or c.title} %" for c in columns), "Seeds"):
        shown.add_column(title, justify="right")
    for rank, row in enumerate(section.rows, 1):
        values = [percent(row.stat(c)) for c in columns]
        style = "red" if row.failed else None if row.complete else "yellow"
        number = str(rank) if row.complete else "-"
        shown.add_row(number, row.name.replace("[", "\\["), *values, row_seeds(row), style=style)
    return shown


def _facts(section: Section) -> str:
    record = section.example
    assert record is not None  # the caller shows finished sections only
    members: dict[str, list[str]] = {"head": [], "medium": [], "tail": []}
    for k in section.by_count:
        members[section.class_groups[k]].append(record.class_names[k])
    head, tail = group_cuts(record.class_counts)
    groups = [f"**{g}** {', '.join(names) or 'none'}" for g, names in members.items()]
    few = min((n for n in record.support if n), default=0)
    seeds = section.seeds
    source = record.provenance.source if record.provenance else ""
    facts = [
        f"{sum(record.class_counts):,} training and {sum(record.support):,} test images of "
        f"{len(record.class_names)} classes; seed{'s' if len(seeds) > 1 else ''} "
        f"{', '.join(map(str, seeds))}.",
        f"Images from: {_text(source)}." if source else "",
        f"Groups by training images (above {head:,.0f}, between, below {tail:,.0f}): "
        f"{'; '.join(groups)}.",
        f"The smallest test class has {few} images, so one image is {100 / few:.1f} points of its "
        "recall."
        if few
        else "",
        PLUS_MINUS,
    ]
    return "\n".join(f"- {fact}" for fact in facts if fact)


def _ranking(section: Section) -> str:
    columns = section.columns("page")
    lines = [["", "Method", *(c.title for c in columns), "Seeds"]]
    for rank, row in enumerate(section.rows, 1):
        cells = [_marked(row, row.stat(c), section.best(c)) for c in columns]
        lines.append([str(rank) if row.complete else "-", row_name(row), *cells, row_seeds(row)])
    notes = "In %, ranked by balanced accuracy; the best mean of a column is **bold**."
    if any(row.reconstruction for row in section.rows):
        notes += " † reconstruction: the paper leaves a formula open."
    beyond = [f"`{_text(r.name)}` {' and '.join(r.extras)}" for r in section.rows if r.extras]
    if beyond:
        notes += f" ‡ had more than the terms above: {'; '.join(beyond)}."
    if any(row.failed for row in section.rows):
        notes += " ✗ n of m: n of m seeds failed; such a row is not ranked."
    if any(not (row.complete or row.failed) for row in section.rows):
        notes += " n of m: only n of the table's m seeds were run; such a row is not ranked."
    return f"{notes}\n\n{markdown(lines)}"


def _classes(section: Section) -> str:
    record = section.example
    assert record is not None  # the caller shows finished sections only
    head = [
        f"{record.class_names[k]}<br>train {record.class_counts[k]:,}<br>test {record.support[k]:,}"
        for k in section.by_count
    ]
    best = {k: section.best_of_class("recall", k) for k in section.by_count}
    lines = [["Method", *head]]
    for row in section.rows:
        if row.done:
            stats = [_marked(row, row.of_class("recall", k), b) for k, b in best.items()]
            lines.append([row_name(row), *stats])
    return f"### Recall of each class, %\n\n{markdown(lines, left=0)}"


def _failures(section: Section) -> list[str]:
    failed = [(row.name, r) for row in section.rows for r in row.failed]
    lines = [f"- ✗ `{name}`, seed {r.cell.seed}: {_text(r.reason)}" for name, r in failed]
    return ["### Failures", "\n".join(lines)] if lines else []


def markdown(lines: list[list[str]], left: int = 1) -> str:
    """A table from cells, its head first; the column ``left`` is aligned left."""
    rule = [":--" if i == left else "--:" for i in range(len(lines[0]))]
    cells = [lines[0], rule, *lines[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def row_name(row: Row) -> str:
    """A method as code, with the marks that the notes of a table explain."""
    marks = " †" * row.reconstruction + " ‡" * bool(row.extras)
    return f"{code(row.name)}{marks}"


def code(name: str) -> str:
    """A name as code in a cell of a table."""
    return f"`{_text(name)}`"


def _text(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def row_seeds(row: Row) -> str:
    """How many seeds stand behind a row, and how many failed or are missing."""
    total = len(row.done) + len(row.failed)
    if row.failed:
        return f"✗ {len(row.failed)} of {total}"
    return str(total) if row.complete else f"{total} of {len(row.expected)}"


def _marked(row: Row, value: Stat | None, best: float | None) -> str:
    text = percent(value) if row.done else "✗"
    return f"**{text}**" if row.complete and value and value.mean == best else text


def percent(value: Stat | None) -> str:
    """Mean and spread in %."""
    if value is None:
        return "n/a"
    mean = f"{100 * value.mean:.1f}"
    return mean if value.sd is None else f"{mean} ± {100 * value.sd:.1f}"


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
