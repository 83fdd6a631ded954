"""Records: one result with its provenance. The evidence behind every row of a leaderboard."""

from pathlib import Path
from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler as Handler
from pydantic import ValidationError, model_serializer

from medtail.datamodules.core.errors import MedtailError, first_line
from medtail.datamodules.core.writing import whole

from ..grid.cell import Cell, Frozen
from .numbers import Metrics as Metrics
from .numbers import Numbers as Numbers
from .numbers import defined as defined

SCHEMA = 1


class Stage(Frozen):
    """What became of one stage: which epoch was kept, and the course of training.

    Attributes:
        name: of the stage.
        epochs: trained.
        selected: epoch (from 0) that was kept.
        shared: whether another cell's result was loaded instead of training.
        own_optimizer: in words, where the stage has another optimiser than the table's.
        history: one entry per epoch: ``train/loss``, ``val/balanced_accuracy``, ``val/macro_auc``;
            None where one is undefined.
    """

    name: str
    epochs: int
    selected: int
    shared: bool = False
    own_optimizer: str = ""
    history: tuple[Numbers, ...] = ()


class Round(Frozen):
    """A round of active learning: what was labelled, and how good the learner then was.

    Attributes:
        labelled: images trained on.
        picked: K numbers of images of each class that the round before had chosen.
        metrics: of the test split, by name; see ``medtail.benchmark.metrics.active``.
    """

    labelled: int
    picked: tuple[int, ...]
    metrics: Metrics


class Cost(Frozen):
    """What a cell cost.

    Attributes:
        seconds: wall-clock time of the cell, data preparation and prediction included.
        train_seconds: of its stages; a shared one counts with the time its training took.
        parameters: of the network that is scored.
        images: training images seen, all streams and views.
        peak_mib: most memory of a process, MiB: resident on a CPU (so far), allocated on a GPU.
        device: such as ``cpu`` or the GPU's name.
        devices: processes that trained together.
        retried: what a second try had otherwise, where memory was too small for the first.
    """

    seconds: float
    train_seconds: float
    parameters: int
    images: int
    peak_mib: float
    device: str
    devices: int = 1
    retried: str = ""

    @model_serializer(mode="wrap")
    def _shown(self, handler: Handler) -> dict[str, Any]:
        """Without what hardly any record has to say."""
        return {k: v for k, v in handler(self).items() if k != "retried" or v}


class Content(Frozen):
    """What a result was computed from: where one of the first three changes, so does the result.

    Attributes:
        data: digest of ids, labels, groups, split and the regime's cut.
        pixels: digest of the images, before augmentation.
        method: digest of the method's own code, see ``medtail.benchmark.tracks.code``.
        shared: digest of the code that all methods share.
        recipe: how the pixels were made, in words.
        samples: of a cell with a draw of its own: digest of ids, labels and groups, whatever their
            split; else empty.
        test_share: of the same: the share of the images that are tested; else 0.
    """

    data: str
    pixels: str
    method: str
    shared: str
    recipe: str
    samples: str = ""
    test_share: float = 0.0


class Provenance(Frozen):
    """Where a result comes from.

    Attributes:
        commit: of medtail, ``+changes`` appended where the tree was not clean; empty outside one.
        versions: of the packages that decide numbers.
        platform: operating system, machine, processor.
        finished: UTC time, ISO 8601.
        split_digest: of the split lists.
        source: which files the images came from.
    """

    commit: str
    versions: dict[str, str]
    platform: str
    finished: str
    split_digest: str
    source: str = ""


class Record(Frozen):
    """The result of a cell.

    Attributes:
        schema_number: of this format.
        cell_id: the cell's identity; checked when read.
        cell: its resolved values.
        status: ``ok`` or ``failed``.
        reason: of a failure, one line.
        provenance_status: the method's, ``faithful`` or ``reconstruction``.
        class_names: K names.
        class_counts: K training counts after the regime.
        scored_names: names of the classes that ``support`` and per-class metrics are about, where
            they are not ``class_names``: the rare classes of few-shot, the abnormal ones of
            one-class.
        support: test counts of these classes.
        rare: active: indices of the classes that are sought.
        pool: active: images that might be labelled at the start.
        metrics: test metrics by name; see ``medtail.benchmark.metrics.long_tail.score``.
        balanced: the same with every class weighing the same in the test set.
        fitted: what the method chose on validation, such as tau; None where that is no number.
        stages: course of training.
        rounds: of active learning, the first without a choice.
        cost: time, size, memory.
        content: digests of data and code; None in records of before medtail kept them.
        provenance: commit, versions, machine, digests.
        predictions: digest of the predictions the metrics were computed from.
        network: SHA-256 of the trained network's file; empty where none was kept.
        validation: digest of those of the validation split; empty where a track has none.
    """

    schema_number: int = SCHEMA
    cell_id: str
    cell: Cell
    status: Literal["ok", "failed"]
    reason: str = ""
    provenance_status: Literal["faithful", "reconstruction"] = "faithful"
    class_names: tuple[str, ...] = ()
    class_counts: tuple[int, ...] = ()
    scored_names: tuple[str, ...] = ()
    support: tuple[int, ...] = ()
    rare: tuple[int, ...] = ()
    pool: int = 0
    metrics: Metrics = {}
    balanced: Metrics = {}
    fitted: Numbers = {}
    stages: tuple[Stage, ...] = ()
    rounds: tuple[Round, ...] = ()
    cost: Cost | None = None
    content: Content | None = None
    provenance: Provenance | None = None
    predictions: str = ""
    network: str = ""
    validation: str = ""


def parse(text: str, where: str) -> Record:
    """A record from its JSON; ``MedtailError`` naming ``where`` for another schema or damage."""
    try:
        record = Record.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise MedtailError(
            f"{where}: no valid record ({place}: {first['msg']}); remove or restore it"
        ) from error
    if record.schema_number != SCHEMA or record.cell.id != record.cell_id:
        raise MedtailError(
            f"{where}: a record of another schema or an edited one; remove or restore it"
        )
    return record


def read(path: Path) -> Record:
    """The record of a file; ``MedtailError`` as for ``parse``, and where it cannot be read."""
    return parse(_text(path), str(path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = "a folder" if path.is_dir() else first_line(error)
        raise MedtailError(f"{path}: no readable record ({why}); remove or restore it") from error


def text_of(record: Record, indent: int | None = None) -> str:
    """The JSON of a record; ``MedtailError`` where it could not be read back from it."""
    text = record.model_dump_json(indent=indent, warnings=False) + "\n"
    parse(text, f"{record.cell}, before it is written")
    return text


def write(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")


def read_lines(path: Path) -> list[Record]:
    """The records of a ``.jsonl`` file, one a line; an absent file has none."""
    if not path.exists():
        return []
    text = _text(path)
    # Not ``splitlines``: a reason may hold what else ends a line, such as U+2028.
    lines = text.removesuffix("\n").split("\n") if text else []
    found = [parse(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]
    seen: dict[str, int] = {}
    for number, r in enumerate(found, 1):
        if (first := seen.setdefault(r.cell_id, number)) < number:
            raise MedtailError(
                f"{path}, line {number}: {r.cell} stands in line {first}, too, and would count "
                "twice: remove one of them"
            )
    return found


def write_lines(path: Path, records: list[Record]) -> None:
    """Write records as sorted lines, so that a file's changes are its records' changes.

    ``MedtailError`` where one of them could not be read back; the old file stays.
    """
    order: Any = sorted(records, key=lambda r: (r.cell.row, r.cell.seed, r.cell_id))
    write(path, "".join(map(text_of, order)))
