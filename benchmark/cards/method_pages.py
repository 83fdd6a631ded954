"""Model cards: the page of a method from its docstrings and the records, and the index of cards."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from medtail import methods
from medtail.datamodules.core.contract import PK, DataRequest, DataSpec, Track
from medtail.methods.core.base import Method, Recipe, Stage

from ..boards.columns import VIEWS
from ..boards.formatting import code, plain
from .docstrings import MethodCard, arguments, escaped
from .evidence import Ratio, Result

MARK = "<!-- Written by `medtail cards`"
FIRST = f"{MARK}; changes by hand are lost. -->"
# Any data: what a stage asks for is read off a method that was built for it.
EXAMPLE = DataSpec("example@natural", ("a", "b", "c"), (60, 30, 10), (28, 28))
INDEX = f"""{FIRST}

# Cards

What each method and each dataset is, where it comes from and how it stands. Written by `medtail \
cards` from the registries, the docstrings and the records of the leaderboards.

## Methods

*Cost* is the training time relative to {{plain}} of the same table and seed: the median over \
tables, whose number stands in brackets. † is a reconstruction of what a paper leaves open.

{{methods}}

## Datasets

Groups are patients, lesions or videos, of which none stands in two splits; n/a is what is not \
known without the files.

{{datasets}}
"""


def training(name: str) -> list[str]:
    """The stages of a method, and what each asks of the data, a line each."""
    method = methods.build(name, EXAMPLE)
    if method.learner:
        return [
            f"It only chooses what is labelled: [{code(method.learner)}]({method.learner}.md) "
            "(parameter `learner`) is trained on it."
        ]
    if not method.stages:
        return ["Nothing is trained; what it needs is fitted to the training images, seen once."]
    return [
        f"- {code(stage.name)}: {_share(stage)}; "
        + (_shared(stage.by) if stage.by else _asks(method.request(stage)))
        for stage in method.stages
    ]


def page(
    name: str,
    card: MethodCard,
    plain_method: str,
    costs: Mapping[str, Ratio],
    results: Sequence[Result],
    boards: str,
    picture: str = "",
) -> str:
    """The page of a method.

    Args:
        name: slug.
        card: see ``parse``.
        plain_method: slug of the method that costs are relative to.
        costs: by variant.
        results: of every row of it.
        boards: where the leaderboards are, seen from the page.
        picture: file of its anomaly maps beside the page; empty for none.
    """
    family = methods.get(name)
    tracks = ", ".join(VIEWS[track].title.lower() for track in family.tracks)
    package = methods.origin(name)
    facts = {
        "tracks": tracks,
        "reference": family.paper,
        "module": code(family.__module__) + (f" of {package}" if package else ""),
    }
    text = [FIRST, f"# {name}", "[All cards](../README.md)", f"**{escaped(card.title)}**"]
    text.append("\n".join(f"- {key}: {value}" for key, value in facts.items() if value))
    text += [f"**{part}**: {escaped(told)}" for part, told in card.parts.items()]
    text += ["## Training", "\n".join(training(name)), "## Parameters", _parameters(name, family)]
    if picture:
        told = "Test images above, maps below, all on one scale; made by `tools/anomaly_maps.py`."
        text += ["## Anomaly maps", told, f"![Images and their anomaly maps]({picture})"]
    text += ["## Cost", _cost(plain_method, costs), "## Results", _results(results, boards)]
    return "\n\n".join(text) + "\n"


def index(
    cards: Mapping[str, MethodCard],
    plain_method: str,
    costs: Mapping[str, Mapping[str, Ratio]],
    datasets: Sequence[Sequence[str]],
) -> str:
    """The page that leads to all others.

    Args:
        cards: of every method by name.
        plain_method: slug of the method that costs are relative to.
        costs: by method and variant.
        datasets: slug, title, images, groups and licence of each.
    """
    by_tracks: dict[tuple[Track, ...], list[str]] = {}
    for name in sorted(cards):
        by_tracks.setdefault(methods.get(name).tracks, []).append(name)
    blocks = []
    for tracks in sorted(by_tracks, key=lambda t: (-len(t), [*VIEWS].index(t[0]), t)):
        whole = len(tracks) == len(VIEWS)
        title = "Every track" if whole else ", ".join(VIEWS[t].title for t in tracks)
        lines = [["Method", "What it is", "Paper", "Cost"]]
        for name in by_tracks[tracks]:
            family = methods.get(name)
            mark = " †" * (family.status == "reconstruction")
            link = f"[{code(name)}](methods/{name}.md){mark}"
            what = plain(escaped(cards[name].title))
            lines.append([link, what, plain(family.paper), _short_cost(name, costs.get(name, {}))])
        blocks.append(f"### {title} ({len(lines) - 1})\n\n{table(lines)}")
    lines = [["Dataset", "What it is", "Images", "Groups", "Licence"]]
    lines += [
        [f"[{code(d[0])}](data/{d[0]}.md)", *(plain(text) or "n/a" for text in d[1:])]
        for d in datasets
    ]
    return INDEX.format(
        plain=f"[{code(plain_method)}](methods/{plain_method}.md)",
        methods="\n\n".join(blocks),
        datasets=table(lines),
    )


def table(lines: list[list[str]]) -> str:
    """A Markdown table from cells, its head first."""
    rows = [lines[0], [":--"] * len(lines[0]), *lines[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _share(stage: Stage) -> str:
    told = "all epochs" if stage.share == 1 else f"{100 * stage.share:g} % of the epochs"
    if stage.recipe:
        told += f", with an optimiser of its own ({_recipe(stage.recipe)})"
    for apart in stage.apart:
        how = _recipe(apart.recipe) if apart.recipe else "the stage's, anew"
        rate = f", {apart.rate:g} times its rate" if apart.rate != 1 else ""
        each = f", a step an {apart.every}" if apart.every != "step" else ""
        told += f", {', '.join(map(code, apart.names))} with another ({how}{rate}{each})"
    return told


def _recipe(recipe: Recipe) -> str:
    """In words, so that a card changes with any part of it."""
    given = asdict(recipe)
    words = [f"{code(given.pop('optimizer'))}, rate {given.pop('lr'):g}", given.pop("schedule")]
    usual = {"momentum": 0.9, "milestones": (), "gamma": 0.1, "layer_decay": 1.0, "beta1": None}
    told = {k: v for k, v in given.items() if k not in usual or v != usual[k]}
    words += [
        f"{k.replace('_', ' ')} {v if isinstance(v, tuple) else f'{v:g}'}" for k, v in told.items()
    ]
    return ", ".join(words)


def _shared(by: str) -> str:
    return f"trained as [{code(by)}]({by}.md), once for all methods that begin so"


def _asks(asked: DataRequest) -> str:
    """In words what differs from plain batches."""
    sampler, second = (
        f"batches of {s.classes} classes with {s.images} images each" if isinstance(s, PK) else s
        for s in (asked.sampler, asked.second)
    )
    drawn = (
        str(sampler) if isinstance(asked.sampler, PK) else f"images drawn by {code(asked.sampler)}"
    )
    augment = f"augmentation {code(str(asked.augment))}" if asked.augment else "no augmentation"
    told = {
        drawn: sampler != "instance",
        f"a second stream: {second}": second is not None,
        f"{asked.views} views of each image": asked.views > 1,
        augment: asked.augment is not True,
        f"{asked.tasks} episodes a step": asked.tasks > 0,
        f"made images beside each: {asked.made:g}": asked.made > 0,
        "the labels that the regime withholds": asked.withheld,
    }
    return ", ".join(text for text, so in told.items() if so) or "plain batches"


def _parameters(name: str, family: type[Method]) -> str:
    own, told = methods.defaults(name), arguments(family)
    if not own:
        return "None of its own."
    lines = [["Parameter", "Default", "What it is"]]
    lines += [
        [code(key), code(repr(value)), plain(escaped(told.get(key, "")))]
        for key, value in own.items()
    ]
    return table(lines)


def _cost(plain_method: str, costs: Mapping[str, Ratio]) -> str:
    link = f"[{code(plain_method)}]({plain_method}.md)"
    if not costs:
        return f"n/a: no table has trainings of it and of {link} with the same seed and device."
    lines = [["Row", "Training time", "Least to most", "Parameters", "Images seen", "Tables"]]
    for name, ratio in costs.items():
        span = f"{ratio.low:.1f} to {ratio.high:.1f}"
        sizes = [f"{ratio.parameters:.2f}", f"{ratio.images:.2f}", str(ratio.tables)]
        lines.append([code(name), f"{ratio.seconds:.1f}", span, *sizes])
    return (
        f"Relative to {link} of the same table, seed and device (1 is the same): the median over "
        "tables; *least to most* is over single trainings. Trainings that ran side by side on a "
        f"busy machine differ by their neighbours, too.\n\n{table(lines)}"
    )


def _short_cost(name: str, costs: Mapping[str, Ratio]) -> str:
    """Of the row with default parameters, else of the one with most tables."""
    if not costs:
        return "n/a"
    chosen = costs.get(name) or max(costs.values(), key=lambda ratio: ratio.tables)
    return f"{chosen.seconds:.1f} ({chosen.tables})"


def _results(results: Sequence[Result], boards: str) -> str:
    if not results:
        return "On no board yet."
    lines = [["Board", "Row", "Metric", "%, ± over seeds", "95 % interval", "Rank", "Rank, 95 %"]]
    for r in results:
        link = f"[{plain(r.board)}]({boards}/{r.board}.md)"
        link += f", table {r.table}" if r.table else ""
        lines.append([link, code(r.variant), r.metric, r.value, r.interval, r.rank, r.ranks])
    return table(lines)
