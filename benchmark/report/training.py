"""How the rows of a table were trained, in sentences for a paper, past tense."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from medtail import methods
from medtail.datamodules.core.errors import MedtailError

from ..boards.formatting import SAID
from ..boards.row import Row
from ..boards.section import Section
from ..boards.terms import MOMENTUM
from ..evidence.record import Record
from ..grid.cell import Budget, Terms
from .cohort import said, unique
from .marked import cite, code, listed

SELECTED = {
    "best_balanced_accuracy": "Of each stage of a training the epoch with the best balanced "
    "accuracy on validation was kept",
    "best_macro_auc": "Of each stage of a training the epoch with the best macro AUC on validation "
    "was kept",
    "last": "The last epoch was kept, so that validation chose none",
}
LAST = {"drop": "incomplete ones dropped", "keep": "an incomplete last one kept"}


def network(terms: Terms, records: Sequence[Record]) -> list[str]:
    """Backbone and initialisation."""
    start = "random weights, without pretraining"
    if terms.pretrained:  # of a record of before weights had names
        start = "the pretrained weights that timm has under this name"
    if terms.weights:
        start = f"the weights {code(str(terms.weights))} (SHA-256 {terms.weights.sha256})"
    sizes = sorted({r.cost.parameters for r in records if r.cost})
    told = [f"The backbone of every row was {code(terms.backbone)}, which began with {start}."]
    if terms.features:
        told = [
            "Every row was trained on features of the images, computed beforehand by "
            f"{code(terms.features.model)} (SHA-256 of their file {terms.features.sha256})."
        ]
    if sizes:
        span = f"{sizes[0]:,}" + (f" to {sizes[-1]:,}" if sizes[-1] > sizes[0] else "")
        told.append(f"The networks that were scored had {span} parameters.")
    return told


def optimisation(section: Section) -> list[str]:
    """Optimiser, schedule, budget, precision, selection, seeds."""
    budget, terms = section.terms.budget, section.terms
    momentum = f", momentum {budget.momentum:g}" if MOMENTUM.search(budget.optimizer) else ""
    each = "Each training" if section.track == "active" else "Training"
    told = [
        f"{each} took {budget.epochs} epochs, over all stages of a method together, in batches of "
        f"{budget.batch_size} images ({LAST[budget.last_batch]}), at the precision "
        f"{code(budget.precision)}.",
        f"The optimiser was {code(budget.optimizer)} with a peak learning rate of {budget.lr:g}"
        f"{momentum} and a weight decay of {budget.weight_decay:g} (none on biases and norms); the "
        f"rate rose linearly over {100 * budget.warmup:g} % of the steps of a stage, then "
        f"{_schedule(budget)}.",
        *_tuning(budget),
        f"{SELECTED[terms.selection]}; the test split was scored once, with the network so chosen.",
    ]
    return [*told, *_seeds(section)]


def _tuning(budget: Budget) -> list[str]:
    """What was trained of the network, and how, where it is not usual."""
    told = {
        "The backbone stayed as it was: what stands above it was trained.": budget.tune != "all",
        f"Each layer's rate was {budget.layer_decay:g} times that of the next one.": (
            budget.layer_decay != 1
        ),
        f"Gradients were clipped to a norm of {budget.clip:g}.": bool(budget.clip),
        f"A batch was computed in {budget.accumulate} parts.": budget.accumulate > 1,
        f"An exponential moving average of the network (decay {budget.ema:g}) was validated and "
        "scored.": bool(budget.ema),
        f"A stage ended early, after the first epoch at whose end {100 * budget.until:g} % of the "
        "training images were classified right.": bool(budget.until),
    }
    return [text for text, so in told.items() if so]


def _schedule(budget: Budget) -> str:
    if budget.schedule == "step":
        shares = listed([f"{100 * share:g} %" for share in budget.milestones])
        return f"was multiplied by {budget.gamma:g} after {shares} of the epochs of a stage"
    if budget.schedule == "constant":
        return "stayed constant"
    return "fell to 0 along a half cosine"


def _seeds(section: Section) -> list[str]:
    seeds = section.seeds
    plural = "s" * (len(seeds) > 1)
    told = [
        f"A row was trained with {len(seeds)} seed{plural} ({', '.join(map(str, seeds))}), which "
        "decided initialisation, order, augmentation and whatever a method draws."
    ]
    short = [r for r in section.rows if not r.complete]
    if short:
        counts = "; ".join(
            f"{code(r.name)} finished {len(r.done)}, failed {len(r.failed)}" for r in short
        )
        told.append(f"Rows without all seeds are shown and not ranked: {counts}.")
    return told


def compared(section: Section, keys: Mapping[str, list[str]]) -> list[str]:
    """The rows with their references.

    Args:
        section: the table.
        keys: of the references of each method.
    """
    rows = [row for row in section.rows if row.done or row.failed]
    names = "; ".join(f"{code(r.name)}{cite(keys.get(method_of(r), []))}" for r in rows)
    told = [
        f"{len(rows)} row{'s were' if len(rows) > 1 else ' was'} trained on these terms, a method "
        f"with what differs from its default parameters: {names}."
    ]
    if made := [code(r.name) for r in rows if r.reconstruction]:
        told.append(
            f"Reconstructions, as their papers leave a formula open, are {listed(made)}."
            if len(made) > 1
            else f"A reconstruction, as its paper leaves a formula open, is {made[0]}."
        )
    if beyond := [f"{code(r.name)} ({' and '.join(r.extras)})" for r in rows if r.extras]:
        told.append(f"More than the terms of the table had {listed(beyond)}.")
    if section.outside:
        beside = listed([code(r.name) for r in section.outside])
        told.append(f"Beside them stand {SAID}: {beside}.")
    return told


def method_of(row: Row) -> str:
    """The slug of a row's method."""
    return (row.done + row.failed)[0].cell.method


def parameters(row: Row) -> str:
    """Every parameter of a row, defaults included."""
    params = (row.done + row.failed)[0].cell.params
    with suppress(MedtailError):  # a method that this medtail does not know
        params = methods.describe(method_of(row)).before | params
    return ", ".join(code(f"{k}={v}") for k, v in sorted(params.items())) or "none of its own"


def paper(row: Row) -> str:
    """What a method refers to; empty where this medtail does not know it."""
    try:
        return methods.describe(method_of(row)).paper
    except MedtailError:
        return ""


def software(records: Sequence[Record], keys: Sequence[str]) -> list[str]:
    """Versions, commit, machine, time.

    Args:
        records: finished ones.
        keys: of the reference of medtail.
    """
    origins = [r.provenance for r in records if r.provenance]
    names = sorted({name for o in origins for name in o.versions})
    versions = [f"{n} {listed(unique(o.versions.get(n, '') for o in origins))}" for n in names]
    commits = unique(o.commit for o in origins)
    told = [f"Training and scoring were done by medtail{cite(keys)}."]
    if versions:
        told.append(f"The versions were {listed(versions)}.")
    if commits:
        plural = "s" * (len(commits) > 1)
        told.append(f"The code of medtail was that of the commit{plural} {said(commits)}.")
    if any(commit.endswith("+changes") for commit in commits):
        told.append("A commit with +changes had changes that are not in it.")
    costs = [r.cost for r in records if r.cost]
    platforms, devices = unique(o.platform for o in origins), unique(c.device for c in costs)
    if platforms or devices:
        on = [*([f"on {said(platforms)}"] if platforms else [])]
        on += [f"on the device{'s' * (len(devices) > 1)} {said(devices)}"] if devices else []
        told.append(f"Trainings ran {', '.join(on)}.")
    if costs:
        several = sorted({c.devices for c in costs})
        hours = sum(c.train_seconds for c in costs) / 3600
        processes = listed([str(n) for n in several])
        told.append(
            f"Each ran in {processes} process{'es' * (several != [1])}; together they took "
            f"{hours:.1f} hours, stages that rows share counted for each of them."
        )
    days = unique(o.finished[:10] for o in origins)
    if days:
        span = days[0] if len(days) == 1 else f"between {days[0]} and {days[-1]}"
        told.append(f"They finished {'on ' * (len(days) == 1)}{span} (UTC).")
    return told
