"""Features of one's own: read from Parquet, brought into a table's order, kept as they came."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.errors import MedtailError, first_line

from ..grid.cell import Terms, digest
from ..grid.features import HOW, Features
from .store import CachedFeatures, refuse_infinite


def read(features: Features) -> tuple[NDArray[np.str_], NDArray[Any]]:
    """Ids [R] and vectors [R, D] of a file, float16 where it says so, else float32.

    Raises:
        MedtailError: the file changed, cannot be read, or has vectors of several lengths.
    """
    import pyarrow as pa
    from pyarrow import parquet as pq

    path = features.checked()
    name = f"features {path.name}"
    try:
        table = pq.read_table(path, columns=["id", "vector"])
        ids = np.array([str(value) for value in table.column("id").to_pylist()])
        column = table.column("vector").combine_chunks()
        lists = column.cast(pa.list_(pa.float32())) if not pa.types.is_list(column.type) else column
        lengths = {len(v) if v is not None else 0 for v in (lists[0].as_py(), lists[-1].as_py())}
        counts = np.diff(lists.offsets.to_numpy())
        lengths |= set(np.unique(counts).tolist())
        if len(lengths) != 1 or 0 in lengths or lists.null_count:
            found = ", ".join(map(str, sorted(lengths)))
            raise MedtailError(f"{name}: vectors of {found} numbers: all need the same")
        half = pa.types.is_float16(lists.type.value_type)
        flat = lists.values.slice(lists.offsets[0].as_py(), int(counts.sum()))
        numbers = flat.to_numpy(zero_copy_only=False).astype(np.float16 if half else np.float32)
    except (OSError, pa.ArrowException) as error:
        raise MedtailError(f"{name}: cannot be read ({first_line(error)}): {HOW}") from None
    return ids, numbers.reshape(len(ids), -1)


class OwnFeatures(CachedFeatures):
    """The vectors of a file, in the order of a table; of several rows of an id the first is plain.

    Raises:
        MedtailError: images of the table have none.
    """

    def __init__(self, terms: Terms, data: ImageDataModule) -> None:
        assert terms.features is not None, "the caller asks for features"
        self.source, self.ids = terms.features, data.table.id
        ids, vectors = read(terms.features)
        views = terms.features.views
        order = np.argsort(ids, kind="stable").reshape(-1, views)
        known = ids[order[:, 0]]
        places = np.searchsorted(known, self.ids).clip(max=len(known) - 1)
        lacking = self.ids[known[places] != self.ids]
        if len(lacking):
            raise MedtailError(
                f"features {terms.features.model}: {len(lacking)} of {len(self.ids)} images of "
                f"{data.name.source} have none (the first is {lacking[0]}): its ids are those of "
                f"'medtail data export {data.name}'"
            )
        self.vectors = vectors[order[places]]
        what = {"file": terms.features.sha256, "ids": digest(self.ids.tolist())}
        kind = str(vectors.dtype)
        super().__init__(data.cache, data.name.dataset, what, self.vectors.shape, kind)

    def ensure(self) -> None:
        """See ``CachedFeatures``; afterwards the file has the vectors."""
        super().ensure()
        self.vectors = self.vectors[:0]

    def __getstate__(self) -> dict[str, Any]:
        """For processes that read the file alone."""
        self.ensure()
        return super().__getstate__()

    def fill(self, features: NDArray[Any], done: int, mark: Callable[[int], None]) -> None:
        """See ``CachedFeatures``."""
        refuse_infinite(self.vectors, f"features {self.source.model}", self.ids)
        features[:] = self.vectors
