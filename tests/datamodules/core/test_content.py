"""Digests of data: what changes a number changes them, and nothing else does."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from medtail import datamodules
from medtail.datamodules.core.content import (
    data_digest,
    image_digest,
    pixels_digest,
    samples_digest,
)
from medtail.datamodules.core.table import SampleTable
from tests.twins import isic2018_official


def built(root, name="isic2018@lt10", size=28, **arguments):
    module = datamodules.build(name, size, root=root, cache=root / "cache", **arguments)
    module.prepare()
    return module


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    root = tmp_path_factory.mktemp("twin")
    isic2018_official(root)
    return built(root)


def test_a_moved_folder_is_the_same_data(twin, tmp_path):
    shutil.copytree(twin.root / "isic2018", tmp_path / "elsewhere" / "ham10000")
    assert built(tmp_path / "elsewhere").content == twin.content


def test_the_regime_and_the_seed_of_the_split_are_content(twin):
    found = {built(twin.root).content.data, twin.content.data}
    assert len(found) == 1
    for other in ({"name": "isic2018@natural"}, {"split_seed": 1}):
        content = built(twin.root, **other).content
        assert content.data not in found
        assert content.pixels == twin.content.pixels
        found.add(content.data)


@pytest.mark.parametrize("field", ["target", "group", "id", "split", "classes", "order"])
def test_each_part_of_the_table_counts(twin, field):
    table, split, classes = twin.table, twin.split, twin.class_names
    if field == "classes":
        classes = ("other", *classes[1:])
    elif field == "split":
        split = np.where(np.arange(len(split)) == 3, "test", split)
    elif field == "order":
        table = replace(table, id=table.id[::-1])
    else:
        column = getattr(table, field).copy()
        column[5] = column[5] + 1 if field == "target" else "another"
        table = replace(table, **{field: column})
    assert data_digest(table, classes, split, twin.plan) != twin.content.data
    same = data_digest(twin.table, twin.class_names, twin.split, twin.plan)
    assert same == twin.content.data


@pytest.mark.parametrize("field", ["target", "group", "id", "classes", "order"])
def test_each_part_of_the_samples_counts_whatever_their_split(twin, field):
    table, classes = twin.table, twin.class_names
    if field == "classes":
        classes = ("other", *classes[1:])
    elif field == "order":
        table = replace(table, id=table.id[::-1])
    else:
        column = getattr(table, field).copy()
        column[5] = column[5] + 1 if field == "target" else "another"
        table = replace(table, **{field: column})
    same = samples_digest(twin.table, twin.class_names)
    assert samples_digest(table, classes) != same
    assert samples_digest(replace(twin.table, split=twin.split), twin.class_names) == same


def test_without_groups_each_image_is_one():
    table = SampleTable(np.array(["a", "b"]), np.array([0, 1]))
    assert samples_digest(table, ("x", "y")) == samples_digest(
        replace(table, group=table.id), ("x", "y")
    )


@pytest.mark.parametrize("role", ["train", "val", "test", "withheld", "query", "pool", "target"])
def test_each_part_of_the_plan_counts(twin, role):
    rows = getattr(twin.plan, role)
    changed = rows[:-1] if len(rows) and role != "target" else np.append(rows[1:], 1)
    plan = replace(twin.plan, **{role: changed})
    assert data_digest(twin.table, twin.class_names, twin.split, plan) != twin.content.data


def test_a_pixel_changes_the_digest_of_pixels_alone(twin, tmp_path):
    shutil.copytree(twin.root / "isic2018", tmp_path / "isic2018")
    path = next((tmp_path / "isic2018").rglob("*.jpg"))
    Image.new("RGB", (40, 30), (1, 2, 3)).save(path)
    content = built(tmp_path).content
    assert content.pixels != twin.content.pixels
    assert content.data == twin.content.data


def test_shape_and_order_of_images_count():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4, 1)
    each = np.array([image_digest(i) for i in images])
    found = {pixels_digest(each, (3, 4, 1)), pixels_digest(each[::-1], (3, 4, 1))}
    assert len(found | {pixels_digest(each, (4, 3, 1))}) == 3
    assert {len(one) for one in (*each, *found)} == {16}


def test_decoded_says_whether_images_will_be_read(twin, monkeypatch):
    fresh = datamodules.build("isic2018@lt10", 28, root=twin.root, cache=twin.root / "cache")
    assert fresh.decoded
    monkeypatch.setattr(type(fresh), "read_image", lambda *_: pytest.fail("an image was read"))
    fresh.prepare()
    assert fresh.content == twin.content
    other = datamodules.build("isic2018@lt10", 24, root=twin.root, cache=twin.root / "cache")
    assert not other.decoded


@pytest.mark.parametrize("lost", ["digests", "pixels"])
def test_without_pixels_or_their_digests_images_are_read_again(twin, lost):
    def built():
        return datamodules.build("isic2018@lt10", 28, root=twin.root, cache=twin.root / "cache")

    built().prepare()
    assert built().decoded
    for path in (twin.root / "cache").glob("*.npy"):
        if path.name.endswith(".digests.npy") == (lost == "digests"):
            path.unlink()
    assert not built().decoded
