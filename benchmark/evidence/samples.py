"""What is known of the samples of a dataset beside their labels: subgroups, critical classes.

``samples/<dataset[+variant]>.parquet`` lies beside records and predictions, is written when they
are published, and has a row for each sample that published predictions are about. It decides what
is shown and nothing else.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medtail.datamodules.core.errors import MedtailError, first_line
from medtail.datamodules.core.subgroups import TRAITS
from medtail.datamodules.core.writing import whole

from .lock import locked
from .predictions import UNREADABLE

CRITICAL = b"critical"  # the key of the file's metadata that lists these classes


@dataclass(frozen=True)
class Samples:
    """What is known of samples.

    Attributes:
        id: [N].
        traits: name -> [N] value, empty where it is not known.
        critical: names of classes that must not be missed.
    """

    id: tuple[str, ...] = ()
    traits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    critical: tuple[str, ...] = ()

    def of(self, trait: str, ids: Sequence[str]) -> NDArray[np.str_]:
        """[M] values of a trait in the order of ``ids``; empty for what is not known."""
        known = dict(zip(self.id, self.traits.get(trait, ()), strict=False))
        return np.array([known.get(i, "") for i in ids], dtype=np.str_)

    def with_newer(self, newer: "Samples") -> "Samples":
        """These and newer ones; what the newer ones say counts."""
        ids = tuple(sorted({*self.id, *newer.id})) if newer.traits or self.traits else ()
        own = set(newer.id)
        traits = {}
        for trait in TRAITS:
            if trait in self.traits or trait in newer.traits:
                old, new = self.of(trait, ids), newer.of(trait, ids)
                mine = np.isin(ids, list(own)) if own else np.zeros(len(ids), bool)
                traits[trait] = tuple(np.where(mine, new, old).tolist())
        return Samples(ids, traits, newer.critical)


def read(root: Path, source: str) -> Samples:
    """What is known of a dataset's samples; nothing where there is no file.

    Args:
        root: folder of leaderboards.
        source: dataset with variant.

    Raises:
        MedtailError: the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = _path(root, source)
    if not path.exists():
        return Samples()
    try:
        table = pq.read_table(path)
        critical = json.loads((table.schema.metadata or {})[CRITICAL])
        columns = {name: tuple(table[name].to_pylist()) for name in table.column_names}
        return Samples(columns.pop("id"), columns, tuple(critical))
    except (*UNREADABLE, pa.ArrowException) as error:
        why = first_line(error)
        raise MedtailError(f"{path}: no readable samples ({why}); restore it") from error


def keep(root: Path, source: str, found: Samples) -> bool:
    """Add what is known of samples to a folder of leaderboards; returns whether that is news.

    Nothing is written where nothing is known.
    """
    with locked(root):
        old = read(root, source)
        new = old.with_newer(found)
        if new == old:
            return False
        _write(_path(root, source), new)
    return True


def _write(path: Path, samples: Samples) -> None:
    """Whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"id": pa.array(samples.id, pa.string())}
    columns |= {name: pa.array(values, pa.string()) for name, values in samples.traits.items()}
    table = pa.table(columns, metadata={CRITICAL: json.dumps(samples.critical).encode()})
    with whole(path) as part:
        pq.write_table(table, part, compression="zstd")


def _path(root: Path, source: str) -> Path:
    return root / "samples" / f"{source}.parquet"
