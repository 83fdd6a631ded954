"""What a reader must know before a table's numbers: its terms and facts, in plain words."""

import re
from collections.abc import Callable

from medtail.datamodules.core.contract import Track
from medtail.datamodules.core.markup import inert
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.splitting import plans, regimes

from ..evidence.record import Record
from ..grid.cell import Budget, Channels, Terms
from ..metrics.long_tail import group_cuts
from . import replication
from .columns import column, track
from .formatting import plain
from .section import Section

SELECTIONS = {
    "best_balanced_accuracy": "epoch chosen by best validation balanced accuracy",
    "best_macro_auc": "epoch chosen by best validation macro AUC",
    "last": "last epoch scored",
}
# The optimisers of timm that a budget's momentum reaches; the others have betas of their own.
MOMENTUM = re.compile(r"sgd|momentum|nesterov|rmsprop|lar[cs]$|madgrad|muon|kron|adafactorbv")
PLUS_MINUS = (
    "± is the sample standard deviation over seeds: how far repeated trainings differ. It is no "
    "confidence interval and knows nothing of the chance that lies in a finite test set."
)
INTERVAL = (
    "*95 %, episodes* is half of an interval over the episodes of one seed (mean over seeds): how "
    "far the mean could move with other episodes of the same images."
)


def describe(terms: Terms) -> list[str]:
    """The terms of a table in plain words: data and network, then budget and selection."""
    height, width = terms.image_size
    budget = terms.budget
    momentum = f", momentum {budget.momentum:g}" if MOMENTUM.search(budget.optimizer) else ""
    params = [
        f"{name} {value}"
        for name, value in sorted(terms.data_params.items())
        if value not in (None, "") and value is not False  # said nothing of
    ]
    special = {
        "few_shot": [f"{terms.test_episodes:,} test episodes"],
        "active": [f"{terms.acquire} images x {terms.rounds - 1} rounds"],
    }
    each = " a training" * (track(terms.data) == "active")
    return [
        ", ".join(
            [
                *params,
                f"{height} x {width} px",
                f"{terms.augment} augmentation",
                *_normalised(terms),
                f"{terms.backbone} {_start(terms)}",
                f"{budget.epochs} epochs x batch {budget.batch_size}{each}",
                *["last batch kept"] * (budget.last_batch == "keep"),
                *replication.words(terms),
                *_tuned(budget),
                *special.get(track(terms.data), []),
            ]
        ),
        f"{budget.optimizer} lr {budget.lr:g}{momentum}, "
        f"weight decay {budget.weight_decay:g}, warm-up {100 * budget.warmup:g} %, "
        f"{_scheduled(budget)}{budget.precision}, {SELECTIONS[terms.selection]}",
    ]


def _start(terms: Terms) -> str:
    """What the network starts from."""
    if terms.weights is None:
        return "pretrained" if terms.pretrained else "from scratch"
    return f"from {inert(str(terms.weights))} (SHA-256 {terms.weights.sha256[:8]})"


def _tuned(budget: Budget) -> list[str]:
    """How a network is trained, where it is not simply all of it."""
    told = {
        "backbone frozen, only what stands above it trained": budget.tune == "head",
        f"rate x {budget.layer_decay:g} a layer downwards": budget.layer_decay != 1,
        f"gradient's norm up to {budget.clip:g}": budget.clip != 0,
        f"a step's batch in {budget.accumulate} parts": budget.accumulate != 1,
        f"moving average {budget.ema:g} of the weights scored": budget.ema != 0,
    }
    return [words for words, so in told.items() if so]


def _normalised(terms: Terms) -> list[str]:
    """How images are normalised, where it is not by ImageNet's constants."""
    given = terms.normalisation
    if isinstance(given, Channels):
        mean, std = (" / ".join(f"{n:g}" for n in numbers) for numbers in (given.mean, given.std))
        return [f"normalised by mean {mean} and deviation {std}"]
    return {
        "imagenet": [],
        "half": ["pixels from -1 to 1"],
        "dataset": ["normalised by mean and deviation of the training images"],
    }[given]


def _scheduled(budget: Budget) -> str:
    """The schedule of the rate, where it is not the cosine."""
    if budget.schedule == "step":
        shares = " and ".join(f"{100 * share:g} %" for share in budget.milestones)
        return f"rate x {budget.gamma:g} after {shares} of each stage, "
    return "constant rate, " if budget.schedule == "constant" else ""


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
    ways = len(record.scored_names) if kind == "shotall" else 2
    drawn = (
        f"all {ways} rare classes"
        if ways == len(record.scored_names)
        else f"{ways} of the {len(record.scored_names)} rare classes"
    )
    return [
        f"Trained on {sum(record.class_counts):,} images of the {len(record.class_names)} common "
        f"classes ({_amounts(record.class_names, record.class_counts)}); {_seeds(section)}.",
        f"Tested on rare classes that no training saw: "
        f"{_amounts(record.scored_names, record.support)} images.",
        f"{section.terms.test_episodes:,} episodes, the same for all methods and seeds: {drawn}; "
        f"{shots} labelled image{'s' if shots > 1 else ''} of each class to learn from, then up to "
        f"{plans.N_QUERY} of each to classify. No patient or lesion stands on both sides where "
        "the dataset names them.",
        f"Chance is 50 % AUC and {100 / ways:.0f} % accuracy. Episodes have as many images of each "
        "class: no number here is comparable with a long-tail board.",
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
