"""Predictions that somebody handed in: what they say of themselves, and their numbers as given.

They lie beside the records and never among them: ``outside/<data@regime>.jsonl`` has a line for
each, and ``outside/<data@regime>/<digest>.parquet`` what its numbers follow from.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from medtail.datamodules.core.errors import MedtailError, first_line, unknown
from medtail.datamodules.core.writing import whole

from ..grid.cell import Frozen
from .lock import locked
from .predictions import UNREADABLE
from .record import write

SCHEMA = 1
LONGEST = 60  # letters of a name
URL = re.compile(r"https?://[\w.~:/?#@!$&+,;=%\-]+", re.ASCII)


class Submitted(Frozen):
    """What is known of predictions that were handed in.

    Attributes:
        schema_number: of this format.
        name: that they go by.
        url: where more is told; empty for nowhere.
        note: a line about them.
        added: day (UTC) on which they were put here.
        form: what the numbers were read as.
        seeds: of each training, as it was called; pages count them 0, 1, ...
        classes: K names.
        truth: digest of ids and targets that they were scored on.
        predictions: digest of ids and numbers; the name of their file.
    """

    schema_number: int = SCHEMA
    name: str
    url: str = ""
    note: str = ""
    added: str
    form: Literal["probabilities", "logits"]
    seeds: tuple[str, ...]
    classes: tuple[str, ...]
    truth: str
    predictions: str


@dataclass(frozen=True)
class Given:
    """Numbers that were handed in, as they came.

    Attributes:
        id: [N] sample ids.
        logits: [S, N, K] float64 of S trainings.
    """

    id: NDArray[np.str_]
    logits: NDArray[np.float64]

    @property
    def digest(self) -> str:
        """16 hex digits over both."""
        sha = hashlib.sha256("\n".join([*self.id, *map(str, self.logits.shape)]).encode())
        sha.update(np.ascontiguousarray(self.logits.astype("<f8")).tobytes())
        return sha.hexdigest()[:16]


def checked(name: str, url: str = "", note: str = "") -> tuple[str, str, str]:
    """What somebody calls their predictions and says of them, without spaces at the ends.

    Raises:
        MedtailError: no name, a long one, several lines, or no address.
    """
    name, url, note = (text.strip() for text in (name, url, note))
    if not name or len(name) > LONGEST:
        raise MedtailError(f"--name '{name[:LONGEST]}': write 1 to {LONGEST} letters")
    for option, text in (("--name", name), ("--note", note)):
        if not text.isprintable():
            raise MedtailError(f"{option}: write one line of printable letters")
    if url and not URL.fullmatch(url):
        raise MedtailError(f"--url {url!r}: write an address that begins with https://")
    return name, url, note


def read(root: Path, slug: str) -> list[Submitted]:
    """What was handed in for a ``data@regime``, by name.

    Raises:
        MedtailError: a line that is none of this format.
    """
    path = _lines(root, slug)
    return _parsed(path.read_text(encoding="utf-8"), path) if path.exists() else []


def read_given(root: Path, slug: str, entry: Submitted) -> Given:
    """The numbers of an entry.

    Raises:
        MedtailError: their file is absent, damaged or another one.
    """
    return _read_given(_numbers(root, slug, entry), entry.predictions)


def check_free(entries: Sequence[Submitted], slug: str, name: str) -> None:
    """Raise ``MedtailError`` where predictions of a board have a name already."""
    if name in {entry.name for entry in entries}:
        raise MedtailError(
            f"{slug} has submitted predictions named {name} already: write --replace, or another "
            "--name"
        )


def add(root: Path, slug: str, entry: Submitted, given: Given, replace: bool = False) -> None:
    """Keep predictions, read once more before anything stands.

    Args:
        root: folder of leaderboards.
        slug: their ``data@regime``.
        entry: what is said of them.
        given: their numbers.
        replace: whether they may take the place of others of their name.

    Raises:
        MedtailError: the name is taken.
    """
    with locked(root):
        known = {e.name: e for e in read(root, slug)}
        if not replace:
            check_free([*known.values()], slug, entry.name)
        path = _numbers(root, slug, entry)
        with whole(path) as part:
            pq.write_table(_table(given), part, compression="zstd")
            _read_given(part, entry.predictions)
        _keep(root, slug, known | {entry.name: entry})


def remove(root: Path, slug: str, name: str) -> None:
    """Forget predictions that were handed in.

    Raises:
        MedtailError: there are none of the name.
    """
    with locked(root):
        known = {e.name: e for e in read(root, slug)}
        if name not in known:
            raise unknown(f"submitted predictions on {slug}", name, known)
        del known[name]
        _keep(root, slug, known)


def _keep(root: Path, slug: str, entries: dict[str, Submitted]) -> None:
    """Write the lines; then remove numbers that no line is about."""
    path = _lines(root, slug)
    text = "".join(entries[name].model_dump_json() + "\n" for name in sorted(entries))
    _parsed(text, path)
    write(path, text)
    wanted = {_numbers(root, slug, entry) for entry in entries.values()}
    for file in (root / "outside" / slug).glob("*.parquet"):
        if file not in wanted:
            file.unlink()


def _lines(root: Path, slug: str) -> Path:
    return root / "outside" / f"{slug}.jsonl"


def _numbers(root: Path, slug: str, entry: Submitted) -> Path:
    return root / "outside" / slug / f"{entry.predictions}.parquet"


def _parsed(text: str, path: Path) -> list[Submitted]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line:
            continue
        try:
            found.append(Submitted.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise MedtailError(
                f"{path}, line {number}: no submitted predictions ({place}: {first['msg']}); "
                "remove or restore it"
            ) from error
        if found[-1].schema_number != SCHEMA:
            raise MedtailError(f"{path}, line {number}: of another schema; remove or restore it")
    return found


def _table(given: Given) -> pa.Table:
    """``id``, and ``logits`` as lists of S times K numbers."""
    trainings, _, classes = given.logits.shape
    flat = np.ascontiguousarray(given.logits.transpose(1, 0, 2)).reshape(-1)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(flat), trainings * classes)
    shape = {"trainings": str(trainings)}
    return pa.table({"id": pa.array(given.id.tolist()), "logits": lists}, metadata=shape)


def _read_given(path: Path, digest: str) -> Given:
    try:
        table = pq.read_table(path)
        lists = table["logits"].combine_chunks()
        flat = lists.flatten().to_numpy(zero_copy_only=False)
        trainings = int(table.schema.metadata[b"trainings"])
        logits = flat.reshape(table.num_rows, trainings, -1).transpose(1, 0, 2)
        given = Given(np.array(table["id"].to_pylist(), np.str_), logits)
    except (*UNREADABLE, pa.ArrowException) as error:
        why = first_line(error)
        raise MedtailError(f"{path}: no readable predictions ({why}); restore it") from error
    if given.digest != digest:
        raise MedtailError(f"{path}: not the predictions {digest} that it is named by; restore it")
    return given
