"""The commands on trained networks: ``medtail predict``, ``medtail export``, ``medtail clean``."""

from pathlib import Path
from typing import Annotated

import typer

from medtail.datamodules.core.errors import MedtailError

from . import terminal
from .options import Out

console = terminal.console()
EXIT_UNREADABLE = 1

NetworkName = Annotated[
    str,
    typer.Argument(
        help="A cell's folder, its network.json, or a row: 'ldam on isic2018@lt100[, seed 0]'.",
        metavar="NETWORK",
    ),
]

Weights = Annotated[
    str,
    typer.Option(help="Of a head on frozen features: those of its backbone, if they were a file."),
]

Runs = Annotated[Path, typer.Option("--runs", help="Folder of results, for rows by name.")]


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def predict(
    network: NetworkName,
    images: Annotated[
        str,
        typer.Argument(
            help="A folder, a CSV or Parquet file of paths, or a split: isic2018@natural:test. "
            "For a head on features of one's own: a Parquet file of features."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="A new file: CSV, or Parquet by its suffix.")
    ] = Path("predictions.csv"),
    support: Annotated[
        str, typer.Option(help="Few-shot: labelled images, a folder per class or a table.")
    ] = "",
    column: Annotated[str, typer.Option(help="Of a table: the column of paths.")] = "image",
    runs: Runs = Path("runs"),
    weights: Weights = "",
) -> None:
    """Apply a trained network to images: class probabilities, one-class scores.

    Images of any size, grey or colour, are made what the network was trained on.
    """
    from ..networks import application, vectors
    from ..networks import images as files
    from ..networks.finding import find
    from ..networks.network import load

    if out.exists():
        raise MedtailError(f"--out {out} exists already: name a new file")
    loaded = load(find(network, runs), weights)
    known = application.support_of(support, loaded, column) if support else None
    if loaded.takes_features:
        named = vectors.find(images, loaded.about)
    else:
        named = files.find(images, loaded.about, column)
    table = application.apply(loaded, named, console, known)
    application.write(out, table)
    _say(f"{loaded.title}: {len(table.id):,} images -> {out}")
    if named.note:
        _say(named.note)
    if named.bad:
        _say(application.told(named.bad, len(named.ids)))
        raise typer.Exit(EXIT_UNREADABLE)


def export(
    network: NetworkName,
    out: Annotated[Path, typer.Option("--out", help="A new file; a .json beside it describes it.")],
    form: Annotated[
        str, typer.Option("--format", help="state_dict, torchscript or onnx.")
    ] = "state_dict",
    runs: Runs = Path("runs"),
    weights: Weights = "",
) -> None:
    """Write a trained network for other programs.

    state_dict: tensors for torch and timm. torchscript, onnx: uint8 images [B, C, H, W] to class
    probabilities [B, K], the normalisation within.
    """
    from ..networks import exporting
    from ..networks.finding import find
    from ..networks.network import load

    beside = out.with_name(out.name + ".json")
    for path in (out, beside):
        if path.exists():
            raise MedtailError(f"--out {path} exists already: name a new file")
    for line in exporting.export(load(find(network, runs), weights), form, out, beside):
        _say(line)


def clean(
    networks: Annotated[
        bool, typer.Option("--networks", help="Trained networks, but for what --keep names.")
    ] = False,
    stages: Annotated[
        bool, typer.Option("--stages", help="Stages that cells share; trained again if needed.")
    ] = False,
    features: Annotated[
        bool, typer.Option("--features", help="Frozen features of the cache; computed again.")
    ] = False,
    superseded: Annotated[
        bool, typer.Option("--superseded", help="Results that newer ones took the place of.")
    ] = False,
    logs: Annotated[bool, typer.Option("--logs", help="Of Slurm jobs that have ended.")] = False,
    leftovers: Annotated[
        bool, typer.Option("--leftovers", help="Unfinished files of processes that are gone.")
    ] = False,
    orphaned: Annotated[
        bool, typer.Option("--orphaned", help="Of these only what nothing will use any more.")
    ] = False,
    damaged: Annotated[
        bool,
        typer.Option("--damaged", help="Set results aside that cannot be believed; not removed."),
    ] = False,
    keep: Annotated[
        str, typer.Option(help="Of networks: best (a seed of each row), or none.")
    ] = "best",
    yes: Annotated[bool, typer.Option("--yes", help="Remove; else they are only listed.")] = False,
    out: Out = Path("runs"),
) -> None:
    """List what can be removed of a folder of results, with sizes; remove it with --yes.

    Records and predictions always stay; superseded ones go where they are named.
    """
    from ..execution import cleaning, soundness
    from ..execution.store import Store

    asked = (networks, stages, features, superseded, logs, leftovers)
    named = tuple(kind for kind, wanted in zip(cleaning.KINDS, asked, strict=True) if wanted)
    if yes and not (named or orphaned or damaged):
        options = ", ".join(f"--{kind}" for kind in cleaning.KINDS)
        raise MedtailError(f"--yes: say what to remove: {options}, --orphaned or --damaged")
    if not out.is_dir():
        raise MedtailError(f"--out {out}: no such folder")
    store = Store(out)
    with store.locked():
        if damaged:
            for one in soundness.damaged(store):
                where = f" -> {store.set_aside(one.folder)}" if yes else ""
                _say(f"{one.why}{where}")
        kinds = named or (() if damaged and not orphaned else cleaning.KINDS)
        found = cleaning.removable(store, kinds, keep, orphaned)
        if kinds:
            for line in cleaning.listing(found):
                _say(line)
        if yes:
            cleaning.remove(found)
            _say("done; records and predictions that can be believed are as they were")
        elif found:
            _say("nothing was removed: name what should be, with --yes")
