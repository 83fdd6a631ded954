"""What does not fill a last batch: dropped, or kept as PyTorch's loaders keep it."""

import numpy as np
import pytest
from torch.utils.data import DataLoader

from medtail import datamodules
from medtail.benchmark.grid.cell import Budget
from medtail.benchmark.tracks.amounts import images_of_epoch
from medtail.datamodules.core.contract import PK, DataRequest
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.loading.samplers import StepSampler

TARGET = np.arange(50) % 3


def steps(streams=("instance",), last="keep", size=16, rank=0, world=1, epoch=0):
    sampler = StepSampler(TARGET, streams, size, 3, 9, rank, world, last)
    sampler.set_epoch(epoch)
    found = list(sampler)
    assert len(found) == len(sampler)
    return [[[d.row for d in step if d.stream == s] for s in range(len(streams))] for step in found]


@pytest.mark.parametrize("size", [1, 7, 16, 25, 50, 80])
def test_kept_batches_are_those_of_pytorch_and_show_every_image_once(size):
    kept, later = ([step[0] for step in steps(size=size, epoch=epoch)] for epoch in (0, 1))
    plain = DataLoader(range(50), batch_size=size, shuffle=True, drop_last=False)
    assert [len(rows) for rows in kept] == [len(batch) for batch in plain]
    assert sorted(np.concatenate(kept)) == list(range(50))
    assert sorted(np.concatenate(later)) == list(range(50))


def test_full_batches_are_those_of_before():
    for streams in (("instance",), ("instance", "square_root"), ("instance", PK(2, 3))):
        kept, dropped = steps(streams), steps(streams, last="drop")
        assert (len(kept), len(dropped)) == (4, 3)
        assert [step[0] for step in kept[:3]] == [step[0] for step in dropped]
    assert steps(size=25) == steps(size=25, last="drop")


def test_a_second_stream_of_the_same_name_is_as_short_and_pairs_stay_whole():
    assert [len(s) for s in steps(("instance", "class_balanced"))[-1]] == [2, 2]
    assert [len(s) for s in steps(("instance", PK(2, 3)))[-1]] == [2, 6]


def test_ranks_share_the_last_batch():
    whole = steps()
    parts = [steps(rank=rank, world=2) for rank in range(2)]
    for step, first, second in zip(whole, *parts, strict=True):
        assert step[0] == first[0] + second[0]
    with pytest.raises(MedtailError, match="last batch of 2 images is not divisible by 4 devices"):
        steps(world=4)
    steps(world=4, last="drop")


@pytest.mark.parametrize("last", ["drop", "keep"])
@pytest.mark.parametrize(
    "request_",
    [DataRequest(), DataRequest(second="reversed", views=2), DataRequest(second=PK(2, 3))],
)
def test_the_images_of_an_epoch_are_counted_as_they_are_shown(last, request_):
    data = datamodules.build("phantom@lt10", 16, count=400)
    data.prepare()
    data.connect(request_, 32, seed=0, epochs=1, last=last)
    shown = 0
    for batch in data.train_dataloader():
        second = 0 if batch.second is None else len(batch.second.target)
        shown += (len(batch.target) + second) * request_.views
    assert shown == images_of_epoch(request_, data, Budget(batch_size=32, last_batch=last))
