"""What a reader must know before a table's numbers: its terms and facts, in plain words."""

from collections.abc import Callable

from medtail.datamodules.core.contract import Track
from medtail.datamodules.core.markup import inert
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.splitting import plans, regimes

from ..evidence.record import Record
from ..metrics.long_tail import group_cuts
from . import replication
from .columns import column
from .formatting import plain
from .section import Section

PLUS_MINUS = (
    "± is the sample standard deviation over seeds: how far repeated trainings differ. It is no "
    "confidence interval and knows nothing of the chance that lies in a finite test set."
)
INTERVAL = (
    "*95 %, episodes* is half of an interval over the episodes of one seed (mean over seeds): how "
    "far the mean could move with other episodes of the same images."
)


def facts(section: Section) -> str:
    """The list above a table of finished rows."""
    record = section.example
    assert record is not None  # the caller shows finished sections only
    source = record.provenance.source if record.provenance else ""
    first, *rest = FACTS[section.track](section, record)
    origin = [f"Images from: {inert(source)}."] if source else []
    told = [first, *origin, *rest, *replication.known(section), PLUS_MINUS]
    return "\n".join(f"- {fact}" for fact in told if fact)


def _seeds(section: Section) -> str:
    return f"seed{'s' * (len(section.seeds) > 1)} {', '.join(map(str, section.seeds))}"


def _amounts(names: tuple[str, ...], counts: tuple[int, ...]) -> str:
    return ", ".join(f"{inert(n)} {c:,}" for n, c in zip(names, counts, strict=True))


def _groups(section: Section, record: Record) -> str:
    members: dict[str, list[str]] = {"head": [], "medium": [], "tail": []}
    for k in section.by_count:
        members[section.class_groups[k]].append(inert(record.class_names[k]))
    head, tail = group_cuts(record.class_counts)
    groups = [f"**{g}** {', '.join(names) or 'none'}" for g, names in members.items()]
    return (
        f"Groups by training images (above {head:,.0f}, between, below {tail:,.0f}): "
        f"{'; '.join(groups)}."
    )


def _smallest(record: Record) -> str:
    few = min((n for n in record.support if n), default=0)
    if not few:
        return ""
    return (
        f"The smallest test class has {few} images, so one image is {100 / few:.1f} points of its "
        "recall."
    )


def _long_tail(section: Section, record: Record) -> list[str]:
    return [
        f"{sum(record.class_counts):,} training and {sum(record.support):,} test images of "
        f"{len(record.class_names)} classes; {_seeds(section)}.",
        _groups(section, record),
        _smallest(record),
    ]


def _few_shot(section: Section, record: Record) -> list[str]:
    name = DataName.parse(section.terms.data)
    kind, shots = regimes.parse(name.dataset, name.regime)
    ways = 2 if kind == "shot" else len(record.scored_names)
    drawn = (
        f"all {ways} rare classes"
        if ways == len(record.scored_names)
        else f"{ways} of the {len(record.scored_names)} rare classes"
    )
    rest, chance = kind == "shotrest", f"{100 / ways:.0f} %"
    queries = "all their other images" if rest else f"up to {plans.N_QUERY} of each"
    uneven = (
        f"{chance} class average, the mean of the classes' shares of right queries. In accuracy a "
        "class counts by its images, so that naming the largest alone is above chance"
        if rest
        else f"{chance} accuracy. Episodes have as many images of each class"
    )
    return [
        f"Trained on {sum(record.class_counts):,} images of the {len(record.class_names)} common "
        f"classes ({_amounts(record.class_names, record.class_counts)}); {_seeds(section)}.",
        f"Tested on rare classes that no training saw: "
        f"{_amounts(record.scored_names, record.support)} images.",
        f"{section.terms.test_episodes:,} episodes, the same for all methods and seeds: {drawn}; "
        f"{shots} labelled image{'s' if shots > 1 else ''} of each class to learn from, then "
        f"{queries} to classify. No patient or lesion stands on both sides where "
        "the dataset names them.",
        f"Chance is 50 % AUC and {uneven}: no number here is comparable with a long-tail board.",
        INTERVAL,
    ]


def _one_class(section: Section, record: Record) -> list[str]:
    given, abnormal = inert(record.class_names[0]), record.class_counts[1:]
    seen = (
        f"and {sum(abnormal):,} abnormal ones with their label"
        if any(abnormal)
        else "alone: no abnormal label is seen before the test"
    )
    rows = [value for row in section.rows if (value := row.stat(column("prevalence")))]
    share = f"{100 * rows[0].mean:.1f} %" if rows else "n/a"
    images = record.metrics.get("given_images")
    tested = f"{images:,} {given} and " if isinstance(images, int | float) else ""
    lines = [
        f"Trained on {record.class_counts[0]:,} images of the given class {given}, {seen}; "
        f"{_seeds(section)}.",
        f"Tested on {tested}{sum(record.support):,} abnormal images "
        f"({_amounts(record.scored_names, record.support)}). Prevalence {share}: the AUPRC of "
        "chance; that of AUROC is 50 %.",
    ]
    if any(row.stat(column("identity_auroc")) for row in section.rows):
        lines.append(
            "Identity AUROC is a control that should lie near 50 %: whether the score tells given "
            "images that went through a method's image operations without a change of meaning "
            "from the same images as they are."
        )
    return lines


def _active(section: Section, record: Record) -> list[str]:
    terms = section.terms
    start = record.rounds[0].labelled if record.rounds else sum(record.class_counts)
    last = record.rounds[-1].labelled if record.rounds else start
    rare = ", ".join(inert(record.class_names[k]) for k in section.rare)
    return [
        f"{start:,} labelled images at the start, {last:,} at the end: {terms.rounds} trainings "
        f"from scratch, {terms.acquire} images chosen from a pool of {record.pool:,} between two "
        "of them; "
        f"{sum(record.support):,} test images of {len(record.class_names)} classes; "
        f"{_seeds(section)}.",
        f"Rare classes, which are sought: {rare}. Some methods look at a few labelled query images "
        "of them that nobody trains on: see their cards."
        if rare
        else "",
        f"Trained on what was chosen: {_learners(section)}. An *area* is the mean height of a "
        "curve over labelled images; the other columns are after the last training.",
        _smallest(record),
    ]


def _learners(section: Section) -> str:
    """Which methods are trained: most rows only choose, for the learner among their parameters."""
    rows = [(row.name, row.done[0].cell.params) for row in section.rows if row.done]
    learners = sorted({str(params["learner"]) for _, params in rows if params.get("learner")})
    alone = [n for n, params in rows if not params.get("learner") and n not in learners]
    if not learners:
        return "every method itself"
    told = ", ".join(f"`{plain(name)}`" for name in learners)
    return told + (f"; {', '.join(f'`{plain(n)}`' for n in alone)}: itself" if alone else "")


FACTS: dict[Track, Callable[[Section, Record], list[str]]] = {
    "long_tail": _long_tail,
    "few_shot": _few_shot,
    "one_class": _one_class,
    "active": _active,
}
