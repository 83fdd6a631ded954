"""A step's batch in parts: the same draws, in equal pieces."""

import numpy as np
import pytest

from medtail import datamodules
from medtail.datamodules.core.contract import PK, DataRequest
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.loading.parts import InParts
from medtail.datamodules.core.loading.samplers import StepSampler

TARGET = np.repeat(np.arange(3), [20, 10, 7])


def steps(*streams, size=8, rank=0, world=1, last="drop"):
    return StepSampler(TARGET, streams or ("instance",), size, 3, 4, rank, world, last)


@pytest.mark.parametrize(
    "streams", [("instance",), ("instance", "reversed"), ("instance", PK(2, 4))]
)
@pytest.mark.parametrize("world", [1, 2])
def test_the_parts_of_a_step_are_its_draws_and_each_stream_is_in_each_part(streams, world):
    for rank in range(world):
        whole, cut = (steps(*streams, rank=rank, world=world) for _ in range(2))
        parts = InParts(cut, 2)
        for epoch in (0, 1):
            whole.set_epoch(epoch)
            parts.set_epoch(epoch)
            batches, pieces = list(whole), list(parts)
            assert len(parts) == len(pieces) == 2 * len(batches) == 2 * len(whole)
            for number, batch in enumerate(batches):
                first, second = pieces[2 * number : 2 * number + 2]
                assert sorted(first + second) == sorted(batch)
                for stream in range(len(streams)):
                    amounts = [sum(d.stream == stream for d in p) for p in (first, second)]
                    assert amounts == [8 // world // 2] * 2
                    order = [d for p in (first, second) for d in p if d.stream == stream]
                    assert order == [d for d in batch if d.stream == stream]


def test_pieces_that_would_not_be_equal_are_refused():
    with pytest.raises(MedtailError, match="8 images cannot be cut into 3 equal parts: set"):
        InParts(steps(), 3)
    with pytest.raises(MedtailError, match="cannot be cut into 4 equal parts on each of 4 devices"):
        InParts(steps(world=4), 4)
    with pytest.raises(MedtailError, match="a step of 5 images"):  # 37 = 4 * 8 + 5
        InParts(steps(last="keep"), 2)
    assert len(InParts(steps(size=9, last="keep"), 1)) == 5


def test_a_data_module_gives_parts_until_it_is_let_go():
    data = datamodules.build("phantom@natural", 16, count=400)
    data.prepare()
    data.connect(DataRequest(), 32, 0, 1)
    whole = [batch.index.tolist() for batch in data.train_dataloader()]
    data.connect(DataRequest(), 32, 0, 1, parts=4)
    pieces = [batch.index.tolist() for batch in data.train_dataloader()]
    assert {len(piece) for piece in pieces} == {8}
    assert [sum(pieces[4 * n : 4 * n + 4], []) for n in range(len(whole))] == whole  # noqa: RUF017
    data.disconnect()
    assert not isinstance(data.train_sampler(0, 1), InParts)


def test_a_meta_batch_is_cut_by_its_episodes():
    data = datamodules.build("phantom@shot1", 16, count=900)
    data.prepare()
    data.connect(DataRequest(tasks=4), 32, 0, 1)
    whole = [[e.rows.tolist() for e in step] for step in data.train_sampler(0, 1)]
    data.connect(DataRequest(tasks=4), 32, 0, 1, parts=2)
    pieces = [[e.rows.tolist() for e in step] for step in data.train_sampler(0, 1)]
    assert [a + b for a, b in zip(pieces[::2], pieces[1::2], strict=True)] == whole
    data.connect(DataRequest(tasks=4), 32, 0, 1, parts=3)
    with pytest.raises(MedtailError, match="4 tasks cannot be cut into 3"):
        data.train_sampler(0, 1)
