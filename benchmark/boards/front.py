"""The front page of the leaderboards: all boards by track, and methods over a track's boards."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from medtail.datamodules.core.contract import Track
from medtail.datamodules.core.names import DataName

from .columns import VIEWS, Column, column
from .formatting import code, markdown, row_name, row_seeds, shown
from .markdown import MARK
from .preamble import INTERVAL, PLUS_MINUS
from .row import Row
from .section import Section

FRONT = """# Leaderboards

Each page is one dataset with one regime; a table on it holds methods trained on equal terms. The \
tracks are different problems: their numbers cannot be compared.{behind}

{boards}

## How to read it

{tracks}
- {plus_minus} With one seed there is none.
- A leader on this page is the best mean, not a proof that it is better than the next.
- ✗ marks failures, with their reasons at the foot of a page; n/a is what is not defined. A row \
without all seeds of its table is shown, never ranked or bold. † is a reconstruction of what a \
paper leaves open, ‡ had more than its table's terms.
- Each CSV has a line per method and terms: `<metric>_mean` and `<metric>_sd` over its seeds as \
fractions, empty where undefined; `balanced_prior_<metric>` weighs every class of the test set the \
same; `recall[<class>]` and its like are per class.
- `records/` holds every cell with its provenance, `predictions/` the scores of every test image; \
the pages follow from the records by `medtail leaderboards`.
- Sensitivity at 95 % specificity, fitted numbers (and F1 of one-class) use thresholds from \
validation predictions, which are in `validation/` where a board has them; every other metric of \
the last training follows from `predictions/`.
"""
READING: dict[Track, str] = {
    "long_tail": "- **Balanced accuracy** is the mean recall of the classes; it orders the tables. "
    "**Balanced accuracy, fitted** is the same after one scale and an offset for each class, "
    "fitted to validation for every row alike: it compares networks, the plain number compares "
    "decision thresholds, too. **AUC** is the mean one-vs-rest area under the ROC curve on "
    "softmax probabilities; a class without test images is left out and counted. **Macro F1** is "
    "the mean F1 of the classes present in the test set.\n"
    "- **Head, medium and tail** are classes with more than 4/3, between, and fewer than 2/3 of "
    "the mean *training* count of a class. A group without classes is n/a.",
    "few_shot": "- **Few-shot**: common classes are trained on, rare ones tested, in episodes of a "
    "few labelled images of each class and others to classify. **AUC** and **accuracy** are means "
    f"over episodes; the AUC orders the tables. {INTERVAL}",
    "one_class": "- **One-class**: the most frequent class is given, every other is abnormal. "
    "**AUROC** of the abnormality score orders the tables, **AUPRC** is its average precision, "
    "whose chance is the prevalence.",
    "active": "- **Active**: a small labelled set grows by images that a method chooses; after "
    "each choice a learner is trained anew. **Rare accuracy** is the mean recall of the rare "
    "classes; its **area**, the mean height of its curve, orders the tables.",
}
HEADS: dict[Track, tuple[str, str, str]] = {
    "long_tail": ("Classes", "Imbalance", "Test images"),
    "few_shot": ("Common classes", "Rare classes", "Rare test images"),
    "one_class": ("Training images", "Abnormal classes", "Abnormal test images"),
    "active": ("Classes", "Labelled images", "Test images"),
}


def front(
    boards: Mapping[str, list[Section]], first: str = "", stress: Collection[str] = ()
) -> str:
    """The front page.

    Args:
        boards: sections by ``data@regime``, each with at least one.
        first: a section before those of the tracks.
        stress: sources that are shown and never averaged; nor is a split that leaks.
    """
    by_track: dict[Track, dict[str, list[Section]]] = defaultdict(dict)
    for slug, parts in boards.items():
        by_track[parts[0].track][slug] = parts
    apart = {slug for slug in boards if _apart(DataName.parse(slug), stress)}
    there = [track for track in VIEWS if track in by_track]
    text = FRONT.format(
        behind=_behind(part for parts in boards.values() for part in parts),
        boards="\n\n".join(
            filter(None, [first, *(_track(track, by_track[track], apart) for track in there)])
        )
        or "No records yet: `make bench`.",
        tracks="\n".join(READING[track] for track in there or VIEWS),
        plus_minus=PLUS_MINUS,
    )
    return f"{MARK}\n\n{text}"


def _behind(sections: Iterable[Section]) -> str:
    """How many trainings, and how long they took."""
    every = [r for section in sections for row in section.rows for r in row.done]
    hours = sum(r.cost.seconds for r in every if r.cost) / 3600
    if hours < 1:
        return ""
    return f" {len(every):,} trainings stand behind them, {hours:,.1f} hours one after the other."


def _apart(name: DataName, stress: Collection[str]) -> bool:
    return name.dataset in stress or name.variant.startswith("leaky_")


def _track(track: Track, boards: Mapping[str, list[Section]], apart: Collection[str]) -> str:
    """The boards of a track, and its methods over those that are averaged."""
    view, lines = VIEWS[track], []
    for slug, parts in boards.items():
        for number, part in enumerate(parts, 1):
            title = f"[{slug}]({slug}.md)" + (f", table {number}" if len(parts) > 1 else "")
            lines.append([title, *_summary(part)])
    best = [f"Best {column(key).words}, %" for key in (*view.ranking, view.second)]
    head = ["Board", *HEADS[track], "Methods", "Seeds", *best]
    largest = {}
    for slug, parts in boards.items():
        finished = [part for part in parts if part.example]
        if finished and slug not in apart:
            largest[slug] = finished[0]
    found = [f"## {view.title}", markdown([head, *lines], left=0)]
    if largest:
        left = [slug for slug in boards if slug in apart]
        found.append(_overall(largest, column(view.primary), left))
    return "\n\n".join(found)


def mean_ranks(
    boards: Mapping[str, Section], methods: list[str], primary: Column
) -> tuple[dict[str, float], int]:
    """Mean rank by the primary column over the boards on which all methods are complete.

    Equal means share the mean of their ranks.

    Returns:
        Ranks by method, none without such a board; and the number of those boards.
    """
    ranks: dict[str, list[float]] = {name: [] for name in methods}
    for section in boards.values():
        stats = {r.name: r.stat(primary) for r in section.rows if r.complete}
        means = {name: s.mean for name in methods if (s := stats.get(name))}
        if len(means) < len(methods):
            continue
        for name, mean in means.items():
            above = sum(other > mean for other in means.values())
            equal = sum(other == mean for other in means.values())
            ranks[name].append(above + (equal + 1) / 2)
    over = len(next(iter(ranks.values()), []))
    return {n: math.fsum(r) / over for n, r in ranks.items()} if over else {}, over


def _overall(boards: Mapping[str, Section], primary: Column, apart: Sequence[str]) -> str:
    rows = {slug: {row.name: row for row in part.rows} for slug, part in boards.items()}
    every = dict.fromkeys(name for part in rows.values() for name in sorted(part))
    methods = [n for n in every if any(n in part and part[n].done for part in rows.values())]
    ranks, over = mean_ranks(boards, methods, primary)
    others = [column(key) for key in next(iter(boards.values())).view.ranks_too]
    too = {c: found for c in others if (found := mean_ranks(boards, methods, c)[0])}
    best = {slug: part.best(primary) for slug, part in boards.items()}
    lines = [["Method", *boards, "Mean rank", *(f"Mean rank by {c.words}" for c in too)]]
    for name in sorted(methods, key=lambda n: (ranks.get(n, math.inf), n)):
        cells = [_cell(part.get(name), primary, best[slug]) for slug, part in rows.items()]
        rank = f"{ranks[name]:.1f}" if ranks else "n/a"
        lines.append([code(name), *cells, rank, *(f"{found[name]:.1f}" for found in too.values())])
    on = f"the {over} board{'s' if over != 1 else ''}" if over else "no board: there is none"
    notes = [
        f"Mean {primary.words} in %, of each board's largest table; the best of a board is "
        "**bold**, n/a was not run; a mean without all seeds says so, neither bold nor ranked.",
        f"The mean rank is over {on} on which every method listed is complete. It is a plain mean "
        "of ranks, no test of significance; boards of one dataset are not independent and count "
        "one by one, where a table over sources weighs each source once.",
    ]
    if apart:
        notes.append(f"Not averaged, as a stress source or a split that leaks: {', '.join(apart)}.")
    if lost := [code(n) for n in every if n not in methods]:
        notes.append(f"Not listed, because nothing finished: {', '.join(lost)}.")
    return f"### Overall\n\n{' '.join(notes)}\n\n{markdown(lines, left=0)}"


def _cell(row: Row | None, primary: Column, best: float | None) -> str:
    if row is None:
        return "n/a"
    stat = row.stat(primary)
    if stat is None:
        return "n/a" if row.done else "✗"
    text = f"{100 * stat.mean:.1f}"
    if not row.complete:
        return f"{text} ({row_seeds(row)})"
    return f"**{text}**" if stat.mean == best else text


def _size(section: Section) -> list[str]:
    """Three cells on the data of a board, as ``HEADS`` names them."""
    record = section.example
    if record is None:
        return ["n/a"] * 3
    counts, tested = [n for n in record.class_counts if n], f"{sum(record.support):,}"
    if section.track == "few_shot":
        return [str(len(record.class_names)), str(len(record.scored_names)), tested]
    if section.track == "one_class":
        return [f"{sum(counts):,}", str(len(record.scored_names)), tested]
    if section.track == "active" and record.rounds:
        first, last = record.rounds[0].labelled, record.rounds[-1].labelled
        return [str(len(record.class_names)), f"{first:,} to {last:,}", tested]
    return [str(len(record.class_names)), f"{max(counts) / min(counts):,.0f} : 1", tested]


def _summary(section: Section) -> list[str]:
    """Cells of a board: its data, methods, seeds, the leaders."""
    if section.example is None:
        return [*_size(section), f"{len(section.rows)}, all failed"] + ["n/a"] * (
            2 + len(section.view.ranking)
        )
    failed = sum(bool(row.failed) for row in section.rows)
    cells = [
        *_size(section),
        f"{len(section.rows)}" + (f", ✗ {failed}" if failed else ""),
        str(len(section.seeds)),
    ]
    for key in (*section.view.ranking, section.view.second):
        stats = [(row, row.stat(column(key))) for row in section.rows if row.complete]
        known = [(s.mean, row, s) for row, s in stats if s]
        first = max(known, key=lambda entry: entry[0], default=None)
        cells.append(f"{shown(first[2])} {row_name(first[1])}" if first else "n/a")
    return cells
