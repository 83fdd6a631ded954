"""What a board says of tuned against default: sentences, a table, JSON."""

import statistics
from typing import Any

from .columns import column
from .formatting import code, markdown, shown
from .row import Row
from .section import Section
from .standing import Standing
from .tuned import Study, cell_of, studies

SURE, PART = 0.8, 0.5  # of Kendall's tau: nine in ten pairs in the same order, three in four
MOST = 12  # pairs that are named


def words(study: Study) -> list[str]:
    """Sentences on a study."""
    search, amount = study.search, len(study.pairs)
    rows = amount + len(study.alone)
    told = [
        f"**Tuned against default** (search {search.search[:8]}): {search.trials} trials for each "
        f"of {rows} methods, {search.trials * rows} in all, the table's values among them; the "
        "same learning rates and weight decays for all, each trial scored on "
        f"{search.folds} folds of train and validation, none on the test."
    ]
    if study.alone:
        names = ", ".join(map(code, study.alone))
        told.append(f"Not compared, as a row or its default has not all seeds: {names}.")
    if amount:
        told += [_moved(study)]
    if amount > 1:
        told += [_order(study), _verdicts(study)]
    if amount and len(study.pairs[0][0].done) == 1:
        told.append("With one seed none of this knows of other trainings.")
    return told


def _moved(study: Study) -> str:
    gaps = [100 * study.difference(tuned, usual) for usual, tuned in study.pairs]
    sure = {
        way: [code(u.name) for u, t in study.pairs if study.verdict(t, u) == way] for way in (1, -1)
    }
    return (
        f"Tuning moves {column(study.metric).words} by {min(gaps):+.1f} to {max(gaps):+.1f} points "
        f"(median {statistics.median(gaps):+.1f}); surely up: {', '.join(sure[1]) or 'none'}; "
        f"surely down: {', '.join(sure[-1]) or 'none'}."
    )


def _order(study: Study) -> str:
    means = [study.means(which) for which in (0, 1)]
    leaders = [code(study.pairs[values.index(max(values))][0].name) for values in means]
    lead = (
        f"{leaders[0]} leads both"
        if leaders[0] == leaders[1]
        else f"{leaders[0]} leads by default, {leaders[1]} once all are tuned"
    )
    if study.tau is None:
        return f"{lead[0].upper()}{lead[1:]}. Too few methods differ for Kendall's tau."
    how = (
        "hardly depends on tuning"
        if study.tau >= SURE
        else "depends in part on tuning"
        if study.tau >= PART
        else "is mostly another once methods are tuned"
    )
    return f"The ranking {how}: Kendall's tau {study.tau:.2f} between the two orders. {lead}."


def _verdicts(study: Study) -> str:
    changed, total = study.changed(), len(study.pairs) * (len(study.pairs) - 1) // 2
    if not changed:
        return f"No verdict between two of the methods ({total} pairs) changes with tuning."
    turned = sum(before * after < 0 for *_, before, after in changed)
    said = [f"{_pair(*entry)}" for entry in changed[:MOST]]
    more = f"; and {len(changed) - MOST} more" if len(changed) > MOST else ""
    return (
        f"Verdicts of {len(changed)} of {total} pairs change with tuning, {turned} of them to the "
        f"opposite: {'; '.join(said)}{more}."
    )


def _pair(one: Row, other: Row, before: int, after: int) -> str:
    def say(way: int) -> str:
        if not way:
            return "not told apart"
        return f"{code((one if way > 0 else other).name)} better"

    return f"{code(one.name)} and {code(other.name)}: {say(before)} by default, {say(after)} tuned"


def table(study: Study) -> str:
    """A line per method: what was chosen, and both numbers."""
    title = column(study.metric).title
    lines = [["Method", "lr", "weight decay", "own", f"{title}, default", "tuned", "difference"]]
    for usual, tuned in study.pairs:
        chosen, params = cell_of(tuned).tuned, cell_of(usual).params
        own = [f"{k}={v}" for k, v in cell_of(tuned).params.items() if v != params.get(k)]
        half = study.half(tuned, usual)
        reach = "" if half is None else f" ± {100 * half:.1f}"
        gap = f"{100 * study.difference(tuned, usual):+.1f}{reach}"
        assert chosen is not None  # it is a tuned row
        values = [f"{chosen.lr:g}", f"{chosen.weight_decay:g}", ", ".join(map(code, own)) or "-"]
        both = [shown(row.stat(column(study.metric))) for row in (usual, tuned)]
        lines.append([code(usual.name), *values, *both, gap])
    return markdown(lines, left=0)


def page(section: Section, standing: Standing) -> list[str]:
    """Of a board's page; nothing where no row was tuned."""
    found = studies(section, standing)
    parts = ["### Tuned against default"] if found else []
    for study in found:
        parts.append("\n".join(f"- {line}" for line in words(study)))
        if study.pairs:
            note = "In %; a difference is tuned less default, ± half of its paired 95 % interval."
            parts.append(f"{note}\n\n{table(study)}")
    return parts


def form(section: Section, standing: Standing) -> list[dict[str, Any]]:
    """For JSON: an entry per search."""
    return [_form(study) for study in studies(section, standing)]


def _form(study: Study) -> dict[str, Any]:
    names = [(usual.name, tuned.name) for usual, tuned in study.pairs]
    return {
        "search": study.search.search,
        "trials": study.search.trials,
        "folds": study.search.folds,
        "pairs": names,
        "kendall_tau": study.tau,
        "changed": [[one.name, other.name, b, a] for one, other, b, a in study.changed()],
        "words": [line.replace("**", "").replace("`", "") for line in words(study)],
    }
