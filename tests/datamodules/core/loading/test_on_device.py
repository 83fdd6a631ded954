"""Augmentation on the device is the CPU's own: the same draws, the same pixels."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from medtail import datamodules
from medtail.datamodules.core.contract import PK, Batch, DataRequest
from medtail.datamodules.core.loading import machine, on_device
from medtail.datamodules.core.loading.on_device import Draws, augmented
from medtail.datamodules.core.loading.rows import Rows
from medtail.datamodules.core.pixels.transforms import SYMMETRIES, Augmenter, Drawn

SHAPES = [(28, 28, 3), (16, 16, 1), (33, 33, 3), (20, 33, 3)]
KEYS = [(e, p, s) for e in (0, 7) for p in range(60) for s in range(3)]


def both_ways(name, shape):
    """Images [N, H, W, C] as the CPU augments them, and as the device does."""
    image = np.random.default_rng(0).integers(0, 256, (len(KEYS), *shape), np.uint8)
    there, here = (Augmenter(name, 3, shape[:2]) for _ in range(2))
    wanted = np.stack([here(one, key) for one, key in zip(image, KEYS, strict=True)])
    draws = Draws.of([there.draw(shape, key) for key in KEYS])
    found = augmented(torch.from_numpy(image).permute(0, 3, 1, 2), draws)
    return wanted, found.permute(0, 2, 3, 1).numpy(), image


@pytest.mark.parametrize("shape", SHAPES)
def test_symmetries_are_the_same_to_the_last_bit(shape):
    wanted, found, image = both_ways("symmetries", shape)
    assert (wanted == found).all()
    assert (wanted != image).any((1, 2, 3)).mean() > 0.6, "and most images are changed"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["standard", "contrastive"])
def test_all_else_is_the_same_but_for_one_grey_level_now_and_then(name, shape):
    wanted, found, _ = both_ways(name, shape)
    difference = np.abs(wanted.astype(int) - found)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3  # 1e-5 where it was written


def test_light_alone_is_the_same_to_the_last_bit():
    """Where nothing is warped nothing is rounded twice."""
    augmenter, shape = Augmenter("standard", 5), (28, 28, 3)
    drawn = [augmenter.draw(shape, key) for key in KEYS]
    still = [n for n, one in enumerate(drawn) if one.warp is None and one.light is not None]
    image = np.random.default_rng(1).integers(0, 256, (len(still), *shape), np.uint8)
    wanted = np.stack([augmenter(i, KEYS[n]) for i, n in zip(image, still, strict=True)])
    draws = Draws.of([drawn[n] for n in still])
    found = augmented(torch.from_numpy(image).permute(0, 3, 1, 2), draws)
    assert len(still) > 50
    assert (found.permute(0, 2, 3, 1).numpy() == wanted).all()


def test_where_opencv_rounds_otherwise_what_it_warps_is_left_to_it(monkeypatch):
    assert on_device.warps_alike()
    on_device.warps_alike.cache_clear()
    monkeypatch.setattr(on_device, "_between", lambda start, end, share: start)  # the next pixel
    assert not on_device.warps_alike()
    data = datamodules.build("phantom@natural", 16, count=700)
    data.prepare()
    data.augment_there = True
    for name, kind in (("symmetries", on_device.Later), ("standard", Rows)):
        data.augment = name
        assert type(data.train_dataloader().dataset) is kind
    on_device.warps_alike.cache_clear()


def test_every_symmetry_is_another_one():
    image = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3)
    made = {
        tuple(augmented(image, Draws.of([Drawn(flags)])).flatten().tolist())
        for flags in SYMMETRIES.values()
    }
    assert len(made) == 8


def test_chunks_change_nothing(monkeypatch):
    _, whole, _ = both_ways("standard", (16, 16, 3))
    monkeypatch.setattr(on_device, "CHUNK", 3 * 16 * 16)
    _, cut, _ = both_ways("standard", (16, 16, 3))
    assert (whole == cut).all()


REQUESTS = {
    "usual": ("natural", DataRequest()),
    "views": ("natural", DataRequest(views=2)),
    "second stream": ("natural", DataRequest(second="reversed")),
    "views of a shape of its own": ("natural", DataRequest(second=PK(3, 2), views=3)),
    "another augmentation": ("natural", DataRequest(augment="contrastive")),
    "none": ("natural", DataRequest(augment=False)),
    "episodes": ("shot1", DataRequest(tasks=2)),
}


def batches(regime, request, there, augment="symmetries", parts=1):
    data = datamodules.build(f"phantom@{regime}", 16, count=700, augment=augment)
    data.prepare()
    data.connect(request, 32, 5, 2, parts=parts)
    data.augment_there = there
    loader = data.train_dataloader()
    loader.sampler.set_epoch(1)
    raw = list(loader)
    return raw, [data.on_after_batch_transfer(one, 0) for one in raw]


def same(one, other, tolerance=0.0):
    for mine, theirs in zip(one, other, strict=True):
        if isinstance(mine, Batch):
            same(mine, theirs, tolerance)
        elif mine is not None:
            torch.testing.assert_close(mine, theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("name", REQUESTS)
def test_whatever_is_asked_for_comes_out_the_same(name, parts):
    (_, here), (raw, there) = (batches(*REQUESTS[name], t, parts=parts) for t in (False, True))
    assert len(here) == len(there) > 1
    level = 1.01 / 255 / 0.22 if "another" in name else 0.0  # one grey level, normalised
    for one, other in zip(here, there, strict=True):
        same(one, other, level)
        assert one.image.stride() == other.image.stride(), "channels last, too"
    assert isinstance(raw[0], Batch) == (name == "none")


def test_a_step_that_travels_is_smaller_where_views_are_made_there():
    (here, _), (there, _) = (batches("natural", DataRequest(views=2), t) for t in (False, True))
    assert here[0].image.numel() == 2 * there[0].batch.image.numel()


def test_it_is_done_on_a_gpu_that_trains_unless_somebody_decides(monkeypatch):
    monkeypatch.setattr(machine.torch.cuda, "is_available", lambda: True)
    data = datamodules.build("phantom@natural", 16, count=400)
    trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cuda", 0)))
    assert not machine.augments_there(data), "no Trainer: by hand, on the CPU"
    fake = SimpleNamespace(trainer=trainer, augment_there=None)
    assert machine.augments_there(fake)
    trainer.strategy.root_device = torch.device("cpu")
    assert not machine.augments_there(fake)
    fake.augment_there = True
    assert machine.augments_there(fake)
