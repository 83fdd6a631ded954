"""Samplers: probabilities against the formulas, and the same draws whatever the number of ranks."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medtail.datamodules.core.contract import PK
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.loading.rows import InOrder, Rows
from medtail.datamodules.core.loading.samplers import (
    Draw,
    StepSampler,
    class_probability,
    stream_size,
)
from medtail.datamodules.core.pixels.transforms import Augmenter

COUNTS = [700, 200, 90, 10]
TARGET = np.random.default_rng(0).permutation(np.repeat(np.arange(4), COUNTS))
EXPECTED = {
    "instance": [0.7, 0.2, 0.09, 0.01],
    "class_balanced": [0.25] * 4,
    "square_root": [n**0.5 / sum(m**0.5 for m in COUNTS) for n in COUNTS],
    "reversed": [(700 / n) / sum(700 / m for m in COUNTS) for n in COUNTS],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_probabilities(name):
    found = class_probability(name, np.array(COUNTS), 0.3)
    assert found == pytest.approx(EXPECTED[name])


@given(st.lists(st.integers(1, 10**5), min_size=2, max_size=20), st.floats(0, 1))
def test_progressive_is_the_mixture(counts, progress):
    found = class_probability("progressive", np.array(counts), progress)
    total = sum(counts)
    mixed = [(1 - progress) * n / total + progress / len(counts) for n in counts]
    assert found == pytest.approx(mixed)


@pytest.mark.parametrize("name", [*EXPECTED, "progressive"])
@pytest.mark.filterwarnings("error")
def test_a_class_without_images_is_never_drawn(name):
    found = class_probability(name, np.array([700, 0, 200, 90, 10, 0]), 0.4)
    assert found[[1, 5]].tolist() == [0, 0]
    assert found[[0, 2, 3, 4]] == pytest.approx(class_probability(name, np.array(COUNTS), 0.4))
    sampler = StepSampler(np.where(TARGET > 1, TARGET + 1, TARGET), (name,), 64, 3, 11)
    assert len(list(sampler)) == 15


def steps(name, epoch=0, rank=0, world=1, seed=3, epochs=11, batch_size=64, second=None):
    streams = (name, second) if second else (name,)
    sampler = StepSampler(TARGET, streams, batch_size, seed, epochs, rank, world)
    sampler.set_epoch(epoch)
    return list(sampler)


def rows(all_steps, stream=0):
    return np.array([d.row for step in all_steps for d in step if d.stream == stream])


@pytest.mark.parametrize("name", EXPECTED)
def test_draws_follow_the_probabilities(name):
    drawn = np.concatenate([rows(steps(name, epoch)) for epoch in range(20)])
    share = np.bincount(TARGET[drawn], minlength=4) / len(drawn)
    assert share == pytest.approx(EXPECTED[name], abs=0.012)


def test_progressive_endpoints():
    first = [rows(steps("progressive", 0, seed=s)) for s in range(20)]
    last = [rows(steps("progressive", 10, seed=s)) for s in range(20)]
    shares = [
        np.bincount(TARGET[np.concatenate(d)]) / np.concatenate(d).size for d in (first, last)
    ]
    assert shares[0] == pytest.approx(EXPECTED["instance"], abs=0.012)
    assert shares[1] == pytest.approx(EXPECTED["class_balanced"], abs=0.012)


def test_instance_is_a_permutation():
    drawn = rows(steps("instance"))
    assert len(drawn) == len(set(drawn)) == 1000 // 64 * 64


@pytest.mark.parametrize("name", [*EXPECTED, "progressive"])
def test_same_seed_and_epoch_same_draws(name):
    assert steps(name, 4) == steps(name, 4)
    assert (rows(steps(name, 4)) != rows(steps(name, 5))).any()
    assert (rows(steps(name, 4)) != rows(steps(name, 4, seed=4))).any()


@pytest.mark.parametrize("name", [*EXPECTED, "progressive"])
@pytest.mark.parametrize("world", [2, 4])
def test_ranks_partition_the_global_batch(name, world):
    whole = steps(name, 2, second="reversed")
    parts = [steps(name, 2, rank, world, second="reversed") for rank in range(world)]
    for step, *shares in zip(whole, *parts, strict=True):
        assert sorted(step) == sorted(d for share in shares for d in share)
        assert len({len(share) for share in shares}) == 1


def test_two_streams_are_independent():
    drawn = steps("instance", second="instance")
    assert (rows(drawn, 0) != rows(drawn, 1)).any()
    assert all([d.stream for d in step] == [0] * 64 + [1] * 64 for step in drawn)


def test_batch_size_and_devices():
    with pytest.raises(MedtailError, match="not divisible by 3"):
        steps("instance", world=3)
    assert len(steps("instance", batch_size=2000)) == 1


@pytest.mark.parametrize("world", [1, 2, 3])
def test_in_order_gives_every_row_once(world):
    places = [d.row for r in range(world) for step in InOrder(100, 16, r, world) for d in step]
    assert sorted(places) == list(range(100))


@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=7).filter(any),
    st.integers(1, 8),
    st.integers(1, 6),
    st.integers(0, 3),
)
def test_pk_draws_classes_once_and_images_apart(counts, classes, images, epoch):
    target = np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts))
    sampler = StepSampler(target, ("instance", PK(classes, images)), 4, 3, 11)
    sampler.set_epoch(epoch)
    present = sum(n > 0 for n in counts)
    for step in sampler:
        drawn = np.array([d.row for d in step if d.stream == 1]).reshape(-1, images)
        assert len(drawn) == min(classes, present)
        of_class = target[drawn]
        assert (of_class == of_class[:, :1]).all()  # class after class
        assert len(set(of_class[:, 0])) == len(drawn)
        for rows_, c in zip(drawn, of_class[:, 0], strict=True):
            shown = np.bincount(rows_)[np.unique(rows_)]
            assert len(shown) == min(images, counts[c])
            assert shown.max() - shown.min() <= 1  # all of them before one comes again


def test_pk_draws_every_class_and_image_alike():
    drawn = np.concatenate([rows(steps("instance", e, second=PK(3, 4)), 1) for e in range(40)])
    share = np.bincount(TARGET[drawn], minlength=4) / len(drawn)
    assert share == pytest.approx([0.25] * 4, abs=0.02)
    each = np.bincount(drawn, minlength=1000)[TARGET == 3]
    assert each == pytest.approx(np.full(10, each.mean()), rel=0.2)
    # Every draw has a place of its own, hence an augmentation of its own.
    places = [d.position for step in steps("instance", second=PK(3, 4)) for d in step if d.stream]
    assert places == list(range(15 * 12))


@pytest.mark.parametrize(("world", "shape"), [(2, PK(4, 3)), (4, PK(3, 3))])
def test_pk_ranks_see_together_what_one_sees(world, shape):
    whole = steps("instance", 2, second=shape)
    parts = [steps("instance", 2, rank, world, second=shape) for rank in range(world)]
    for step, *shares in zip(whole, *parts, strict=True):
        for stream in (0, 1):
            joined = [d for share in shares for d in share if d.stream == stream]
            assert joined == [d for d in step if d.stream == stream]
        sizes = [len(share) for share in shares]
        assert max(sizes) - min(sizes) <= 1


def test_pk_depends_on_seed_and_epoch():
    def drawn(**changes):
        return rows(steps("instance", second=PK(4, 4), **changes), 1).tolist()

    assert drawn(epoch=4) == drawn(epoch=4)
    assert drawn(epoch=4) != drawn(epoch=5)
    assert drawn(epoch=4) != drawn(epoch=4, seed=4)


def test_fewer_images_than_devices_are_refused():
    with pytest.raises(MedtailError, match="2 images a step are too few for 4 devices"):
        steps("instance", world=4, second=PK(2, 1))


def test_size_of_a_stream():
    assert stream_size("reversed", 64, 7) == 64
    assert stream_size(PK(8, 4), 64, 7) == 28
    assert stream_size(PK(3, 4), 64, 7) == 12


def test_a_process_without_a_row_has_a_step_of_none():
    assert [list(InOrder(3, 2, rank, 4)) for rank in (0, 3)] == [[[Draw(0, 0, 0, 0)]], [[]]]
    assert [len(InOrder(3, 2, rank, 4)) for rank in range(4)] == [1, 1, 1, 1]
    store = SimpleNamespace(images=np.zeros((3, 5, 6, 1), np.uint8))
    none = Rows(store, np.arange(3), np.arange(3), Augmenter("none", 0))[[]]
    assert none.image.shape == (0, 1, 5, 6)
    assert none.image.dtype == torch.uint8
    assert len(none.target) == len(none.index) == 0
