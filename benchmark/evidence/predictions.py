"""Predictions: the artefact that is scored."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medtail.datamodules.core.errors import MedtailError, first_line
from medtail.datamodules.core.writing import whole

if TYPE_CHECKING:
    import pyarrow as pa  # 33 MiB that a worker, which hands its predictions over, does without

EXTRA = ("episode", "source_class")
# What Arrow and NumPy raise over files of other columns, or damaged ones.
UNREADABLE = (OSError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError)


@dataclass(frozen=True)
class Predictions:
    """Scores of a split, one row per sample.

    ``logits`` are kept as float16 log-probabilities: rounded once, when made, so that a metric
    computed from the stored file is the metric of the record to the last digit.

    Attributes:
        id: [N] sample ids.
        group: [N] group ids (the sample's id where there is no group).
        target: [N] int64 classes; few-shot: counted within the episode.
        logits: [N, K] float16 log-probabilities (float64, of what was handed in).
        episode: few-shot: [N] int64 number of the episode, else None.
        source_class: where a regime has classes of its own: [N] int64 class in the dataset (of
            few-shot among the rare ones, of one-class among all), else None.
    """

    id: NDArray[np.str_]
    group: NDArray[np.str_]
    target: NDArray[np.int64]
    logits: NDArray[np.float16] | NDArray[np.float64]
    episode: NDArray[np.int64] | None = None
    source_class: NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls,
        id: NDArray[np.str_],
        group: NDArray[np.str_],
        target: NDArray[np.int64],
        logits: NDArray[np.floating],
        episode: NDArray[np.int64] | None = None,
        source_class: NDArray[np.int64] | None = None,
    ) -> "Predictions":
        """Predictions from raw logits [N, K] of any float type.

        Raises:
            MedtailError: a logit is not finite, or lengths differ.
        """
        if not len(id) == len(group) == len(target) == len(logits):
            raise MedtailError(
                f"predictions: {len(id)} ids, {len(group)} groups, {len(target)} targets, "
                f"{len(logits)} logits"
            )
        bad = np.flatnonzero(~np.isfinite(logits).all(1))
        if len(bad):
            raise MedtailError(
                f"predictions: {len(bad)} of {len(id)} samples have a score that is not finite, "
                f"the first is '{id[bad[0]]}': the training diverged (lower the learning rate?)"
            )
        scores = logits.astype(np.float64)
        scores -= scores.max(1, keepdims=True)
        scores -= np.log(np.exp(scores).sum(1, keepdims=True))
        rounded = np.maximum(scores, -65000).astype(np.float16)
        return cls(id, group, target, rounded, episode, source_class)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """[N, K], rows summing to 1."""
        exp = np.exp(self.logits.astype(np.float64))
        normalised: NDArray[np.float64] = exp / exp.sum(1, keepdims=True)
        return normalised

    @property
    def digest(self) -> str:
        """16 hex digits over ids, targets, logits, episodes and source classes."""
        sha = hashlib.sha256("\n".join(self.id).encode())
        sha.update(self.target.astype("<i8").tobytes())
        sha.update(np.ascontiguousarray(self.logits.astype("<f2")).tobytes())
        for column in (self.episode, self.source_class):
            sha.update(b"" if column is None else column.astype("<i8").tobytes())
        return sha.hexdigest()[:16]

    @property
    def truth(self) -> str:
        """16 hex digits over what was asked: ids with their targets, in whatever order."""
        known = [self.id, self.target]
        known += [c for c in (self.episode, self.source_class) if c is not None]
        lines = sorted("\t".join(map(str, row)) for row in zip(*known, strict=True))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def table(self) -> "pa.Table":
        """Arrow table: ``id``, ``group``, ``target``, ``logits`` as float16 lists of length K, and
        ``episode`` and ``source_class`` where they are.
        """
        import pyarrow as pa

        flat = pa.array(np.ascontiguousarray(self.logits).reshape(-1), pa.float16())
        columns = {
            "id": pa.array(self.id.tolist()),
            "group": pa.array(self.group.tolist()),
            "target": pa.array(self.target),
            "logits": pa.FixedSizeListArray.from_arrays(flat, self.logits.shape[1]),
        }
        for name in EXTRA:
            if (values := getattr(self, name)) is not None:
                columns[name] = pa.array(values, pa.int32())
        return pa.table(columns)

    @classmethod
    def from_table(cls, table: "pa.Table") -> "Predictions":
        """The inverse of ``table``; lists may be of any Arrow type, as long as all are K long.

        Raises:
            ValueError: they are not, or a list is absent.
        """
        lists = table["logits"].combine_chunks()
        logits = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float16)
        # Files of several widths come back as plain lists, whose type says no width.
        width = len(logits) // max(1, len(lists))
        lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
        if not (lengths == width).all():
            raise ValueError("the logits of a cell are lists of different lengths")
        return cls(
            np.array(table["id"].to_pylist(), dtype=np.str_),
            np.array(table["group"].to_pylist(), dtype=np.str_),
            table["target"].to_numpy().astype(np.int64),
            logits.reshape(table.num_rows, width),
            *(
                table[name].to_numpy().astype(np.int64) if name in table.column_names else None
                for name in EXTRA
            ),
        )

    def write(self, path: Path) -> None:
        """Write Parquet, whole or not at all, and only if it can be read back as it is.

        Raises:
            MedtailError: what was written reads otherwise; the old file stays.
        """
        import pyarrow.parquet as pq

        with whole(path) as part:
            pq.write_table(self.table(), part, compression="zstd")
            self.same(Predictions.read(part), path)

    def same(self, found: "Predictions | None", path: Path) -> None:
        """Raise ``MedtailError`` where what ``path`` is to hold is not ``self`` when read back."""
        if (
            found is None
            or found.digest != self.digest
            or found.group.tolist() != self.group.tolist()
        ):
            raise MedtailError(
                f"{path}: what was written cannot be read back as it was, so that nothing is "
                "replaced: this is a mistake of medtail's, please report it"
            )

    @classmethod
    def read(cls, path: Path) -> "Predictions":
        """Read what ``write`` wrote; ``MedtailError`` where the file is damaged or absent."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with path.open("rb") as file:  # a folder would be read as a table of its files
                return cls.from_table(pq.read_table(file))
        except (*UNREADABLE, pa.ArrowException) as error:
            why = "a folder" if path.is_dir() else first_line(error)
            raise MedtailError(f"{path}: no readable predictions ({why})") from error
