"""Episodes: what may stand together in one, and that the frozen lists are frozen."""

import dataclasses
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from medtail import datamodules
from medtail.datamodules import dermofit
from medtail.datamodules.core.contract import Batch, DataRequest, EpisodeShape
from medtail.datamodules.core.errors import DataError, MedtailError
from medtail.datamodules.core.loading.episodes import TaskSampler, capacity, list_digest, urn
from tests.twins import dermofit_twin

SHAPE = EpisodeShape(2, 5, 15)


@pytest.fixture(scope="module")
def phantom(cache_folder):
    def build(regime="shot5", **arguments):
        data = datamodules.build(f"phantom@{regime}", 16, cache=cache_folder, **arguments)
        data.prepare()
        return data

    return build


def groups_of(data):
    return data.table.id if data.table.group is None else data.table.group


def made(counts=(60, 40, 30), shape=SHAPE, complete=True, seed=0):
    """An urn of lesions with one to four images, two classes sharing some lesions."""
    rng = np.random.default_rng(seed)
    target = np.repeat(np.arange(len(counts)), counts)
    group = rng.integers(0, len(target) // 2, len(target))
    return urn("made", np.arange(len(target)), target, group, shape, complete), target


@pytest.mark.parametrize("shape", [SHAPE, EpisodeShape(2, 1, 15), EpisodeShape(3, 3, 4)])
def test_an_episode_is_as_documented(shape):
    drawn, target = made(shape=shape)
    n, k, q = drawn.shape
    s = n * k
    for seed in range(50):
        episode = drawn.random(np.random.default_rng(seed))
        labels = [x for x in range(n) for _ in range(k)] + [x for x in range(n) for _ in range(q)]
        assert episode.target.tolist() == labels
        assert len(set(episode.rows.tolist())) == len(episode.rows)
        for label in range(n):  # a label is one class, support and query alike
            assert len(set(target[episode.rows[episode.target == label]])) == 1
        assert len(set(target[episode.rows])) == n
        support, query = drawn.group[episode.rows[:s]], drawn.group[episode.rows[s:]]
        assert not set(support) & set(query)


def test_labels_and_classes_are_random():
    drawn, target = made()
    episodes = [drawn.random(np.random.default_rng(e)) for e in range(600)]
    firsts = Counter((int(target[e.rows[0]]), int(target[e.rows[5]])) for e in episodes)
    assert len(firsts) == 6  # every ordered pair
    assert min(firsts.values()) > 60


def test_the_frozen_list_depends_on_the_split_seed_alone(phantom):
    data = phantom()
    episodes = data.test_episodes(40)
    digest = list_digest(episodes, data.table.id)
    data.connect(DataRequest(tasks=4), 32, seed=9, epochs=3)
    torch.manual_seed(5)
    np.random.seed(5)
    next(iter(data.train_dataloader()))
    assert list_digest(phantom().test_episodes(40), data.table.id) == digest
    assert list_digest(data.test_episodes(60)[:40], data.table.id) == digest
    other = phantom(split_seed=1)
    assert list_digest(other.test_episodes(40), other.table.id) != digest
    swapped = [episodes[0]._replace(target=episodes[0].target[::-1]), *episodes[1:]]
    assert list_digest(swapped, data.table.id) != digest


def test_the_frozen_list_takes_class_pairs_in_turn(phantom):
    data = phantom()
    episodes, common = data.test_episodes(60), len(data.spec.class_names)
    pairs = Counter(frozenset(data.target[e.rows].tolist()) for e in episodes)
    assert set(pairs.values()) == {20}
    assert {c for pair in pairs for c in pair} == set(range(common, common + 3))
    assert len({tuple(e.rows) for e in episodes}) == 60
    ordered = [data.target[e.rows[0]] < data.target[e.rows[5]] for e in episodes]
    assert 15 < sum(ordered) < 45  # labels are permuted here, too
    (triple,) = {frozenset(data.target[e.rows]) for e in phantom("shot5all").test_episodes(5)}
    assert triple == set(range(common, common + 3))


def test_the_rest_of_the_rare_images_are_the_queries(phantom):
    """Sun et al. 2024: three ways, all remaining images; none of a supporting lesion's here."""
    data, every = phantom("shot5rest"), phantom("shot5all")
    group, test = groups_of(data), data.rows("test")
    assert np.array_equal(test, every.rows("test"))
    episodes = data.test_episodes(3)
    sizes = set()
    for episode in episodes:
        support, query = episode.rows[:15], episode.rows[15:]
        expected = {r for r in test.tolist() if group[r] not in set(group[support])}
        assert len(query) == len(set(query.tolist()))
        assert set(query.tolist()) == expected
        assert episode.target[:15].tolist() == [0] * 5 + [1] * 5 + [2] * 5
        for label in range(3):
            (one,) = set(data.target[episode.rows[episode.target == label]])
            wanted = [r for r in expected if data.target[r] == one]
            assert (episode.target[15:] == label).sum() == len(wanted) > 15
        sizes.add(len(query))
    assert len({tuple(e.rows[:15]) for e in episodes}) == 3
    firsts = [e.rows[:15].tolist() for e in every.test_episodes(3)]
    assert firsts == [e.rows[:15].tolist() for e in episodes], "the same support sets"
    for number, batch in enumerate(data.fixed_loader(episodes)):
        assert batch.index[0].tolist() == episodes[number].rows.tolist()


def test_the_rest_is_no_matter_of_training(phantom):
    data, every = phantom("shot5rest"), phantom("shot5all")
    for one in (data, every):
        one.connect(DataRequest(tasks=4), 128, seed=0, epochs=1)
    for loader in ("train_dataloader", "val_dataloader"):
        pairs = zip(getattr(data, loader)(), getattr(every, loader)(), strict=True)
        assert all(torch.equal(a.index, b.index) for a, b in pairs)
    assert next(iter(data.train_dataloader())).index.shape == (4, 60)


@pytest.mark.parametrize("split", ["train", "val"])
def test_training_and_validation_see_common_classes_only(phantom, split):
    data = phantom()
    data.connect(DataRequest(tasks=4), 128, seed=0, epochs=1)
    rows, group = set(data.rows(split).tolist()), groups_of(data)
    rare = set(group[data.rows("test")].tolist())
    for batch in getattr(data, f"{split}_dataloader")():
        assert isinstance(batch, Batch)
        assert set(batch.index.flatten().tolist()) <= rows
        assert not set(group[batch.index.flatten()].tolist()) & rare
        for target, index in zip(batch.target, batch.index, strict=True):
            assert set(data.target[index]) <= set(range(len(data.spec.class_names)))
            assert target[:10].tolist() == [0] * 5 + [1] * 5


def test_meta_batches(phantom):
    data = phantom()
    data.connect(DataRequest(tasks=4), 128, seed=0, epochs=2)
    loader = data.train_dataloader()
    batch = data.on_after_batch_transfer(next(iter(loader)), 0)
    assert batch.image.shape == (4, 40, 3, 16, 16)
    assert batch.image.dtype == torch.float32
    assert batch.target.shape == batch.index.shape == (4, 40)
    assert len(loader) == len(data.rows("train")) // (4 * 40)
    val = [b for b in data.val_dataloader()]
    assert sum(len(b.target) for b in val) == 40
    again = [b for b in data.val_dataloader()]
    assert all(torch.equal(a.image, b.image) for a, b in zip(val, again, strict=True))
    plain = data.store.images[batch.index[0, 0]]
    assert sorted(plain.flatten()) == sorted(next(iter(loader)).image[0, 0].flatten().tolist())


def test_images_are_augmented_anew_each_epoch(phantom):
    data = phantom()
    data.connect(DataRequest(tasks=4), 128, seed=0, epochs=2)
    loader = data.train_dataloader()
    raw = next(iter(loader))
    plain = torch.from_numpy(data.store.images[raw.index.numpy()]).permute(0, 1, 4, 2, 3)
    turned = (raw.image != plain).flatten(2).any(2).float().mean()
    assert 0.8 < turned < 0.95  # seven of eight symmetries
    assert torch.equal(next(iter(loader)).image, raw.image)
    loader.sampler.set_epoch(1)
    assert not torch.equal(next(iter(loader)).index, raw.index)


def test_ranks_share_the_tasks_of_one_process():
    drawn, _ = made()
    whole = list(TaskSampler(drawn, 1000, 4, seed=3))
    halves = [list(TaskSampler(drawn, 1000, 4, 3, rank, 2)) for rank in (0, 1)]
    assert len(whole) == len(halves[0]) == len(halves[1]) == 6
    for step, parts in enumerate(zip(*halves, strict=True)):
        mixed = [episode for pair in zip(*parts, strict=True) for episode in pair]
        for a, b in zip(mixed, whole[step], strict=True):
            assert (a.rows == b.rows).all()
            assert a.position == b.position
    places = [e.position for step in whole for e in step]
    assert places == [40 * n for n in range(24)]
    other = list(TaskSampler(drawn, 1000, 4, seed=4))
    assert (other[0][0].rows != whole[0][0].rows).any()
    with pytest.raises(MedtailError, match="4 tasks a step are not divisible by 3 devices"):
        TaskSampler(drawn, 1000, 4, 0, 0, 3)


def test_capacity_is_what_is_left_in_the_worst_case():
    group = np.array([0, 0, 0, 1, 1, 2, 3])
    assert capacity(group, 1) == 4
    assert capacity(group, 2) == 2
    assert capacity(group, 7) == 0


def test_few_images_mean_fewer_queries_and_none_an_error():
    alone = np.arange(100)
    target = np.repeat([0, 1, 2, 3], [50, 30, 12, 8])
    scarce = urn("x", alone, target, alone, SHAPE, complete=True)
    assert scarce.shape.n_query == 3
    assert len(scarce.random(np.random.default_rng(0)).rows) == 16
    half = urn("x", alone, target, alone, SHAPE, complete=False)
    assert (half.shape.n_query, set(half.rows)) == (15, {0, 1})
    with pytest.raises(DataError, match="x: too few images for episodes of 2 classes"):
        urn("x", alone, target, alone, EpisodeShape(2, 8, 15), complete=True)
    with pytest.raises(DataError, match="too few images"):
        urn("x", alone[:50], target, alone, SHAPE, complete=False)


def test_every_rare_class_is_tested_however_scarce(phantom):
    data = phantom("shot1")
    rows, rarest = data.rows("test"), int(data.target.max())
    few = np.r_[rows[data.target[rows] != rarest], rows[data.target[rows] == rarest][:4]]
    data.plan = dataclasses.replace(data.plan, test=few)
    episodes = data.test_episodes(9)
    assert {int(c) for e in episodes for c in data.target[e.rows]} == {
        rarest - 2,
        rarest - 1,
        rarest,
    }
    assert max(len(e.rows) for e in episodes) <= 2 * 4


def test_a_lesion_with_all_images_of_two_classes_is_found_out():
    target = np.repeat([0, 1], 20)
    group = np.tile(np.arange(20), 2)
    drawn = urn("x", np.arange(40), target, group, SHAPE, complete=True)
    with pytest.raises(DataError, match="without a group on both sides"):
        drawn.random(np.random.default_rng(0))


def test_other_regimes_have_no_episodes(phantom):
    with pytest.raises(MedtailError, match="take a regime such as shot5"):
        phantom("natural").test_episodes(3)


@pytest.mark.real
def test_lesions_of_ham10000_stand_on_one_side(real_data, cache_folder):
    data = datamodules.build("isic2018@shot5", 28, root=real_data, cache=cache_folder)
    data.prepare()
    assert data.spec.class_names == ("MEL", "NV", "BCC", "BKL")
    episodes, group = data.test_episodes(600), groups_of(data)
    assert {len(e.rows) for e in episodes} == {40}
    assert not any(set(group[e.rows[:10]]) & set(group[e.rows[10:]]) for e in episodes)
    used = np.unique(np.concatenate([e.rows for e in episodes]))
    assert len(used) > 0.95 * 584  # of the rare classes' images
    assert len(set(group)) < len(group)


def test_dermofit_reads_folders_and_archives(tmp_path):
    dermofit_twin(tmp_path)
    data = datamodules.build("dermofit@shot1", 32, root=tmp_path, cache=tmp_path / "cache")
    data.prepare()
    assert data.plan.sought == dermofit.Dermofit.rare_names
    assert len(data.table) == 16 * 12  # masks left out
    assert "SCC/S" in " ".join(data.table.id)
    squamous = data.table.target == data.class_names.index("SCC")
    brightness = data.store.images.mean((1, 2, 3))
    assert abs(brightness[squamous].mean() - (60 + 15 * 7)) < 3  # its own tint, from the archive
    assert len(data.test_episodes(4)) == 4
    (tmp_path / "dermofit" / "SCC.zip").write_bytes(b"no archive")
    broken = datamodules.build("dermofit@shot1", 28, root=tmp_path, cache=tmp_path / "cache")
    with pytest.raises(DataError, match=r"SCC.zip") as caught:
        broken.prepare()
    assert "\n" not in str(caught.value)


def test_masks_are_no_photographs():
    names = ["SCC/S1/S1.png", "SCC/S1/S1mask.png", "SCC/S1/", "SCC/readme.txt", "SCC/S2/S2.PNG"]
    assert dermofit.photographs(names) == ["SCC/S1/S1.png", "SCC/S2/S2.PNG"]


def test_the_trainer_decides_on_rank_and_world(phantom):
    data = phantom()
    data.connect(DataRequest(tasks=4), 128, seed=0, epochs=1)
    whole = next(iter(data.train_dataloader())).index
    data.trainer = SimpleNamespace(global_rank=1, world_size=2)
    try:
        assert torch.equal(next(iter(data.train_dataloader())).index, whole[1::2])
        assert sum(len(b.target) for b in data.val_dataloader()) == 20
    finally:
        data.trainer = None
