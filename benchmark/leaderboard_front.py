"""The front page of the leaderboards: all boards, and all methods over all boards."""

import math
from collections.abc import Mapping

from . import leaderboard_pages as pages
from .leaderboard_columns import PRIMARY, column
from .leaderboard_rows import Row, Section

FRONT = """# Leaderboards

Each page is one dataset with one regime; a table on it holds methods trained on equal terms.

{boards}

{overall}## How to read it

- **Balanced accuracy** is the mean recall of the classes; it orders the tables. **AUC** is the \
mean one-vs-rest area under the ROC curve on softmax probabilities; a class without test images is \
left out and counted. **Macro F1** is the mean F1 of the classes present in the test set.
- **Head, medium and tail** are classes with more than 4/3, between, and fewer than 2/3 of the \
mean *training* count of a class. A group without classes is n/a.
- {plus_minus} With one seed there is none.
- A leader on this page is the best mean, not a proof that it is better than the next.
- ✗ marks failures, with their reasons at the foot of a page; n/a is what is not defined. A row \
without all seeds of its table is shown, never ranked or bold.
- Each CSV has a line per method and terms: `<metric>_mean` and `<metric>_sd` over its seeds as \
fractions, empty where undefined; `balanced_prior_<metric>` weighs every class of the test set the \
same; `recall[<class>]` and its like are per class.
- `records/` holds every cell with its provenance, `predictions/` the scores of every test image; \
the pages follow from the records by `medtail leaderboards`.
- Sensitivity at 95 % specificity uses thresholds taken from validation predictions, which stay in \
`runs/` and are not published; every other metric follows from `predictions/`.
"""
HEAD = (
    "Board",
    "Classes",
    "Imbalance",
    "Test images",
    "Methods",
    "Seeds",
    "Best balanced accuracy, %",
    "Best AUC, %",
)


def front(boards: Mapping[str, list[Section]]) -> str:
    """The front page.

    Args:
        boards: sections by ``data@regime``, each with at least one.
    """
    lines = []
    for slug, parts in boards.items():
        for number, part in enumerate(parts, 1):
            title = f"[{slug}]({slug}.md)" + (f", table {number}" if len(parts) > 1 else "")
            lines.append([title, *_summary(part)])
    listed = (
        pages.markdown([list(HEAD), *lines], left=0) if lines else "No records yet: `make bench`."
    )
    largest = {}
    for slug, parts in boards.items():
        finished = [part for part in parts if part.example]
        if finished:
            largest[slug] = finished[0]
    text = FRONT.format(
        boards=listed, overall=_overall(largest) if largest else "", plus_minus=pages.PLUS_MINUS
    )
    return f"{pages.MARK}\n\n{text}"


def mean_ranks(boards: Mapping[str, Section], methods: list[str]) -> tuple[dict[str, float], int]:
    """Mean rank by balanced accuracy over the boards on which all methods are complete.

    Equal means share the mean of their ranks.

    Returns:
        Ranks by method, none without such a board; and the number of those boards.
    """
    ranks: dict[str, list[float]] = {name: [] for name in methods}
    for section in boards.values():
        stats = {r.name: r.stat(column(PRIMARY)) for r in section.rows if r.complete}
        means = {name: s.mean for name in methods if (s := stats.get(name))}
        if len(means) < len(methods):
            continue
        for name, mean in means.items():
            above = sum(other > mean for other in means.values())
            equal = sum(other == mean for other in means.values())
            ranks[name].append(above + (equal + 1) / 2)
    over = len(next(iter(ranks.values()), []))
    return {n: math.fsum(r) / over for n, r in ranks.items()} if over else {}, over


def _overall(boards: Mapping[str, Section]) -> str:
    rows = {slug: {row.name: row for row in part.rows} for slug, part in boards.items()}
    every = dict.fromkeys(name for part in rows.values() for name in sorted(part))
    methods = [n for n in every if any(n in part and part[n].done for part in rows.values())]
    ranks, over = mean_ranks(boards, methods)
    best = {slug: part.best(column(PRIMARY)) for slug, part in boards.items()}
    lines = [["Method", *boards, "Mean rank"]]
    for name in sorted(methods, key=lambda n: (ranks.get(n, math.inf), n)):
        cells = [_cell(part.get(name), best[slug]) for slug, part in rows.items()]
        rank = f"{ranks[name]:.1f}" if ranks else "n/a"
        lines.append([pages.code(name), *cells, rank])
    on = f"the {over} board{'s' if over != 1 else ''}" if over else "no board: there is none"
    notes = [
        "Mean balanced accuracy in %, of each board's largest table; the best of a board is "
        "**bold**, n/a was not run; a mean without all seeds says so, neither bold nor ranked.",
        f"The mean rank is over {on} on which every method listed is complete. It is a plain mean "
        "of ranks, no test of significance, and boards of one dataset are not independent.",
    ]
    if lost := [pages.code(n) for n in every if n not in methods]:
        notes.append(f"Not listed, because nothing finished: {', '.join(lost)}.")
    return f"## Overall\n\n{' '.join(notes)}\n\n{pages.markdown(lines, left=0)}\n\n"


def _cell(row: Row | None, best: float | None) -> str:
    if row is None:
        return "n/a"
    stat = row.stat(column(PRIMARY))
    if stat is None:
        return "n/a" if row.done else "✗"
    text = f"{100 * stat.mean:.1f}"
    if not row.complete:
        return f"{text} ({pages.row_seeds(row)})"
    return f"**{text}**" if stat.mean == best else text


def _summary(section: Section) -> list[str]:
    """Cells of a board: classes, imbalance, test images, methods, seeds, the leaders."""
    record = section.example
    if record is None:
        return ["n/a"] * 3 + [f"{len(section.rows)}, all failed"] + ["n/a"] * 3
    counts = [n for n in record.class_counts if n]
    failed = sum(bool(row.failed) for row in section.rows)
    cells = [
        str(len(record.class_names)),
        f"{max(counts) / min(counts):,.0f} : 1",
        f"{sum(record.support):,}",
        f"{len(section.rows)}" + (f", ✗ {failed}" if failed else ""),
        str(len(section.seeds)),
    ]
    for name in (PRIMARY, "macro_auc"):
        stats = [(row, row.stat(column(name))) for row in section.rows if row.complete]
        known = [(s.mean, row, s) for row, s in stats if s]
        first = max(known, key=lambda entry: entry[0], default=None)
        cells.append(f"{pages.percent(first[2])} {pages.row_name(first[1])}" if first else "n/a")
    return cells
