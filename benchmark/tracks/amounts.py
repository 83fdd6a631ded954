"""How many images a training shows."""

from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.contract import PK, DataRequest
from medtail.datamodules.core.loading.samplers import stream_size

from ..grid.cell import Budget


def images_of_epoch(request: DataRequest, data: ImageDataModule, budget: Budget) -> int:
    """Training images of an epoch: all streams and views, and what the method makes of them."""
    rows = len(data.rows("train")) + request.withheld * len(data.plan.withheld)
    if request.tasks:
        shape = data.spec.episodes
        assert shape is not None, "only few-shot regimes have episodes"
        step = request.tasks * shape.images
        return max(1, rows // step) * step
    size, keep = min(budget.batch_size, rows), budget.last_batch == "keep"
    streams = [stream for stream in (request.sampler, request.second) if stream]
    present = sum(count > 0 for count in data.spec.class_counts)
    steps = -(-rows // size) if keep else max(1, rows // size)
    images = sum(
        rows if keep and not isinstance(s, PK) else steps * stream_size(s, size, present)
        for s in streams
    )
    return round(request.views * images * (1 + request.made))
