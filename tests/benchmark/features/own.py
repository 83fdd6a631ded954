"""Features of one's own for tests: no network is run for them."""

import numpy as np
import pyarrow as pa
from pyarrow import parquet as pq

from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.grid.cell import Budget
from medtail.benchmark.grid.features import found
from tests.benchmark.cells import cell, terms

BUDGET = Budget(
    epochs=2, batch_size=64, optimizer="adamw", lr=0.003, precision="32-true", tune="frozen"
)
WIDTH = 12


def written(path, ids, vectors, model="", kind=None):
    kind = kind or pa.float32()
    table = pa.table({"id": ids, "vector": pa.array(list(vectors), pa.list_(kind))})
    if model:
        table = table.replace_schema_metadata({"model": model})
    pq.write_table(table, path)
    return path


def vectors_of(table, views, width=WIDTH):
    """Noise around a centre of each class [N, V, D]."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(table.target.max() + 1, width))
    return (centres[table.target][:, None] + rng.normal(size=(len(table), views, width))).astype(
        np.float32
    )


def features_of(folder, views=4, data="phantom@natural", count=400, model="made"):
    """A file of features of phantom, and what stands in it."""
    data = prepared(terms(data=data, data_params={"count": count}))
    vectors = vectors_of(data.table, views)
    rng = np.random.default_rng(1)
    rows = rng.permutation(len(data.table) * views)
    ids = data.table.id.repeat(views)
    order = np.argsort(rows % len(data.table), kind="stable")  # views in their order, ids mixed
    path = written(folder / f"{model}.parquet", ids[np.sort(order)], vectors.reshape(-1, WIDTH))
    return path, vectors


def on_features(method, path, head="linear", augment="symmetries", params=None, **changes):
    """A small cell on features of one's own."""
    own = found(str(path))
    given = {"features": own, "backbone": own.model, "head": head, "budget": BUDGET}
    given |= {"augment": augment if own.views > 1 else "none"}
    return cell(method, params=params, **(given | changes))
