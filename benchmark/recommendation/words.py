"""A recommendation in plain words: sentences, tables, a page."""

from collections import Counter

from ..boards.formatting import markdown, plain
from ..statistics.intervals import Interval
from .certainty import Numbers
from .run import FOLDER, Recommendation

PICTURE = "recommendation.png"
SMALL = 20  # groups of a class below which its sensitivity is hardly known
NESTED = (
    "Nested means: for each fold the row was picked anew from its training part alone, by networks "
    "that had seen nothing of the fold, and then scored on the fold, so that the figure is not "
    "flattered by having picked the best of several."
)


def percent(found: Interval | None) -> str:
    """``61.2 % (55.0 to 67.1)``."""
    if found is None:
        return "not defined"
    return f"{100 * found.mean:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"


def listed(names: list[str]) -> str:
    """``a, b and c``."""
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def of_data(found: Recommendation) -> str:
    """What folds were made of."""
    plan, facts = found.plan, found.plan.facts
    seeds = len({cell.seed for cell in plan.cells})
    again = f", each training {seeds} times with other seeds"
    if seeds == 1:
        again = (
            ", each training once, so that the intervals do not know how trainings differ (more "
            "--seeds)"
        )
    if facts.grouped:
        of = (
            f"{facts.images:,} images of {facts.groups:,} groups (patients or lesions), of which "
            "none is on both sides"
        )
    else:
        of = (
            f"{facts.images:,} images, each for itself: the data name no patients, and where one "
            "has several images, all figures here are too good"
        )
    text = f"{plan.data}: {plan.folds} folds of {of}{again}."
    if facts.held_out:
        text += (
            f" The data bring a test of {facts.held_out:,} images: it stays out of all folds and "
            "is scored once, at the end, by the ensemble."
        )
    return text


def of_pick(found: Recommendation) -> str:
    """The pick, and what it cannot be told from."""
    best, *others = found.known.rows
    text = f"Take {best.name}: balanced accuracy {percent(best.balanced)}"
    text += f", the highest of {len(found.known.rows)} rows." if others else "."
    if alike := found.known.alike:
        text += (
            f" It cannot be told from {listed(alike)} on this many images: "
            f"{'any of them' if len(alike) > 1 else 'either'} may be as good."
        )
    if far := [row.name for row in others if row.apart]:
        text += f" It is better than {listed(far)} (paired test, Holm's correction, 5 %)."
    if found.lost:
        text += f" Nothing is said of {listed(list(found.lost))}, of which a training failed."
    return text


def of_expectation(found: Recommendation) -> str:
    """The nested estimate."""
    known, chance = found.known.expected, 100 / len(found.known.names)
    inside = Counter(found.choice.inside)
    picks = listed([f"{row} {n} times" if n > 1 else f"{row} once" for row, n in inside.items()])
    more = 100 * (found.known.rows[0].balanced.mean - known.balanced.mean)
    beside = f"{abs(more):.1f} points {'above' if more > 0 else 'below'} it"
    if abs(more) < 0.05:
        beside = "the same"
    return (
        f"Expect a balanced accuracy of {percent(known.balanced)} on new images from the same "
        f"source (guessing has {chance:.1f} %), and a macro AUC of {percent(known.auc)}: the "
        f"nested estimate. {NESTED} The picks of the folds were {picks}; the pick's own figure is "
        f"{beside}."
    )


def of_ensemble(found: Recommendation, place: str) -> str:
    """The ensemble, and the test that is scored by it."""
    amount = sum(cell.row == found.choice.pick for cell in found.plan.cells)
    share = f"{found.plan.folds - 1} of {found.plan.folds} parts"
    text = (
        f"The {amount} networks of the pick are kept as one, the mean of their probabilities: "
        f'medtail predict "{place}/{FOLDER}" IMAGES --out new.csv. The estimate above is of single '
        f"networks of {share} of the images; the ensemble has seen all of them, so that nothing "
        "here can test it, and is usually at least as good."
    )
    if held := found.held_out:
        text += (
            f" On the test of {found.plan.facts.held_out:,} images that the data bring, scored "
            f"once, it has a balanced accuracy of {percent(held.balanced)} and a macro AUC of "
            f"{percent(held.auc)}."
        )
    return text


def caution(found: Recommendation) -> str:
    """What the figures do not know."""
    known = found.known
    few = [name for name, n in zip(known.names, known.units, strict=True) if n < SMALL]
    unit = "groups" if found.plan.facts.grouped else "images"
    text = f"Of {listed(few)} there are fewer than {SMALL} {unit}: " if few else ""
    if few:
        text += "their sensitivity is hardly known, as the intervals say. "
    return (
        f"{text}Images of another hospital or camera are another question, and a small share of "
        "one class among your patients changes what a positive result means. These are research "
        "networks, no medical device."
    )


def sentences(found: Recommendation, place: str) -> list[str]:
    """All that is said, in order."""
    return [of_data(found), of_pick(found), of_expectation(found), of_ensemble(found, place)]


def table_of_rows(found: Recommendation) -> list[list[str]]:
    """A line for each row, the pick first, and one for the nested choice; with a head."""

    def line(row: Numbers, said: str) -> list[str]:
        return [plain(row.name), percent(row.balanced), percent(row.auc), said]

    best, *others = found.known.rows
    head = ["row", "balanced accuracy (95 %)", "macro AUC (95 %)", "against the pick"]
    rest = [line(row, "worse" if row.apart else "cannot be told from it") for row in others]
    return [head, line(best, "the pick"), *rest, line(found.known.expected, "nested: expect this")]


def table_of_classes(found: Recommendation) -> list[list[str]]:
    """A line for each class, with a head."""
    known = found.known
    unit = ["groups"] if found.plan.facts.grouped else []
    head = ["class", "images", *unit, "sensitivity, nested (95 %)"]
    lines = [head + (["ensemble on the test (95 %)"] if found.held_out else [])]
    for k, name in enumerate(known.names):
        groups = [f"{known.units[k]:,}"] if unit else []
        held = [percent(found.held_out.recall[k])] if found.held_out else []
        recall = percent(known.expected.recall[k])
        lines.append([plain(name), f"{known.images[k]:,}", *groups, recall, *held])
    return lines


def page(found: Recommendation, place: str) -> str:
    """Markdown, with the picture beside it."""
    data, pick, expectation, kept = sentences(found, place)
    parts = [
        f"# A recommendation for {plain(found.plan.data)}",
        *(data, "## The pick", pick, markdown(table_of_rows(found), 0), "## What to expect"),
        *(expectation, "Sensitivity of each class, of the same nested choice:"),
        *(markdown(table_of_classes(found), 0), f"![rows and classes]({PICTURE})"),
        *("## The ensemble", kept, "## What this does not know", caution(found)),
    ]
    return "\n\n".join(parts) + "\n"
