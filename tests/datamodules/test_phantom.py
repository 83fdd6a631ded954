"""The drawn dataset: what it promises about seeds, groups, proportions, sizes and hardness."""

import re

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score

from medtail.datamodules import build
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.pixels.drawing import DRAWING_VERSION
from medtail.datamodules.phantom import (
    CLASSES,
    FEWEST,
    IMAGES,
    LESIONS,
    class_counts,
    contact_sheet,
    image_of,
)


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    data = build("phantom", 28, cache=tmp_path_factory.mktemp("phantom"))
    data.prepare()
    return data


def test_the_same_seed_draws_the_same_image_in_any_order():
    rows = [(0, 0, 0), (1, 17, 1), (6, 3, 0), (1, 17, 0)]
    first = [image_of(0, *row, (28, 28)) for row in rows]
    again = [image_of(0, *row, (28, 28)) for row in rows[::-1]][::-1]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_store_holds_what_image_of_draws(phantom):
    for row in (0, 1234, 2999):
        target, number, view = phantom.place[row].tolist()
        drawn = image_of(0, target, number, view, (28, 28))
        np.testing.assert_array_equal(phantom.store.images[row], drawn)


def test_draw_seeds_classes_lesions_and_views_all_differ():
    rows = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    drawn = {image_of(*row, (28, 28)).tobytes() for row in rows}
    assert len(drawn) == len(rows)


def test_another_draw_seed_is_another_dataset():
    tables = [build("phantom", count=400, draw_seed=seed) for seed in (0, 1)]
    groups = [data.load_table().group.tolist() for data in tables]
    assert groups[0] != groups[1]
    assert tables[0].source_key() != tables[1].source_key()


def test_source_key_says_version_count_and_seed():
    key = build("phantom", count=1234, draw_seed=77).source_key()
    assert re.findall(r"\d+", key) == [str(DRAWING_VERSION), "1234", "77"]


@pytest.mark.parametrize("count", [1400, 3000, 9999])
def test_proportions_are_those_of_ham10000_by_largest_remainder(count):
    counts = class_counts(count)
    exact = count * IMAGES / IMAGES.sum()
    assert counts.sum() == count
    assert (abs(counts - exact) < 1).all()
    up = counts > exact
    remainder = exact % 1
    assert remainder[up].min() >= remainder[~up].max()


def test_all_of_ham10000_is_all_of_ham10000():
    assert class_counts(10_015).tolist() == IMAGES.tolist()
    table = build("phantom", count=10_015).load_table()
    assert len(np.unique(table.group)) == LESIONS.sum() == 7470


@pytest.mark.parametrize("count", [105, 106, 300, 1000])
def test_small_counts_lift_the_rarest_classes(count):
    counts = class_counts(count)
    assert counts.sum() == count
    assert counts.min() == FEWEST
    assert (np.diff(counts[np.argsort(IMAGES)]) >= 0).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"count": 104}, "105"), ({"count": "300"}, "'300'"), ({"draw_seed": -1}, "-1")],
)
def test_wrong_arguments_are_one_clear_line(wrong, said):
    with pytest.raises(MedtailError, match=f"^phantom: .*{said}[^\n]*$"):
        build("phantom", **wrong).prepare()


def test_lesions_have_several_views_and_stay_in_one_split(phantom):
    table = phantom.table
    _, group, views = np.unique(table.group, return_inverse=True, return_counts=True)
    assert len(table) / len(views) == pytest.approx(IMAGES.sum() / LESIONS.sum(), abs=0.01)
    assert views.max() >= 3
    for g in np.flatnonzero(views > 1):
        assert len(np.unique(phantom.split[group == g])) == 1
        assert len(np.unique(table.target[group == g])) == 1


def colours(images):
    """Mean, spread and deciles of each channel, whole and in the middle: [N, F]."""
    side = images.shape[1]
    middle = images[:, side // 4 : -side // 4, side // 4 : -side // 4]
    parts = [part.reshape(len(images), -1, 3).astype(np.float32) for part in (images, middle)]
    deciles = [np.quantile(p, np.arange(0.1, 1, 0.2), axis=1) for p in parts]
    moments = [f(p, axis=1)[None] for p in parts for f in (np.mean, np.std)]
    return np.concatenate([*deciles, *moments]).transpose(1, 0, 2).reshape(len(images), -1)


def test_views_of_a_lesion_are_more_alike_than_lesions_of_a_class(phantom):
    feature = colours(phantom.store.images)
    feature = (feature - feature.mean(0)) / feature.std(0)
    place = phantom.place
    second = np.flatnonzero(place[:, 2] == 1)
    same = np.linalg.norm(feature[second] - feature[second - 1], axis=1)
    second = second[place[second - 2, 0] == place[second, 0]]
    other = np.linalg.norm(feature[second] - feature[second - 2], axis=1)
    assert np.median(same) < 0.8 * np.median(other)


def test_simple_colour_statistics_tell_classes_apart_but_not_fully(phantom):
    feature, target = colours(phantom.store.images), phantom.target
    train, test = phantom.split == "train", phantom.split != "train"
    model = ExtraTreesClassifier(150, min_samples_leaf=2, random_state=0, n_jobs=1)
    model.fit(feature[train], target[train])
    score = model.predict_proba(feature[test])
    auc = [roc_auc_score(target[test] == c, score[:, c]) for c in range(len(CLASSES))]
    assert 0.75 < np.mean(auc) < 0.97
    assert min(auc) > 0.6


@pytest.mark.parametrize("regime", ["lt100", "step50", "binary20"])
def test_regimes(phantom, regime):
    data = build(f"phantom@{regime}", 28, cache=phantom.cache)
    data.prepare()
    counts = data.spec.class_counts
    assert max(counts) > 10 * min(counts)
    assert min(counts) >= 1


@pytest.mark.parametrize("size", [(48, 64), (64, 48), (1, 1), (17, 170), (130, 65)])
def test_any_size(size):
    image = image_of(0, 1, 3, 0, size)
    assert image.shape == (*size, 3)
    assert image.dtype == np.uint8
    if min(size) > 8:
        assert image.std() > 5


def test_the_data_module_takes_a_size_that_is_no_square():
    data = build("phantom", (20, 30), count=105)
    data.prepare()
    assert data.store.images.shape == (105, 20, 30, 3)


def test_small_and_large_images_show_the_same():
    agreement = []
    for target in range(len(CLASSES)):
        for number in range(4):
            small = image_of(0, target, number, 0, (28, 28)).astype(float)
            large = image_of(0, target, number, 0, (112, 112)).astype(float)
            large = large.reshape(28, 4, 28, 4, 3).mean((1, 3))
            agreement.append(np.corrcoef(small.ravel(), large.ravel())[0, 1])
    assert np.min(agreement) > 0.95


def test_contact_sheet_has_a_named_row_for_each_class():
    sheet = np.asarray(contact_sheet(2, 40))
    assert sheet.shape[0] == 7 * 40
    labels = sheet[:, : -2 * 40].reshape(7, 40, -1)
    assert (labels.min((1, 2)) < 100).all()
    np.testing.assert_array_equal(sheet[:40, -80:-40], image_of(0, 0, 0, 0, (40, 40)))
