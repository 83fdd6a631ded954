"""Pictures of classes: which may be published, and what they show."""

import io

import numpy as np
from PIL import Image

from medtail import datamodules
from medtail.benchmark.cards import data_pages, pictures


def test_only_images_that_the_project_drew_are_free():
    every = [data_pages.module_of(slug) for slug in datamodules.registry()]
    assert [m.name.dataset for m in every if m and pictures.free(m)] == ["phantom"]


def test_class_examples_are_training_images_of_different_groups():
    module = datamodules.build("phantom", count=200)
    module.prepare()
    chosen = pictures.examples(module, 6)
    train = set(module.rows("train").tolist())
    for target, rows in enumerate(chosen):
        assert set(rows.tolist()) <= train
        assert (module.table.target[rows] == target).all()
        groups = module.table.group[rows]
        available = module.table.group[[r for r in train if module.table.target[r] == target]]
        assert len(set(groups)) == len(groups) == min(6, len(set(available)))
    first = pictures.picture(module)
    assert pictures.picture(module) == first
    with Image.open(io.BytesIO(first)) as image:
        assert not {"Software", "Creation Time", "date"} & set(image.info)
        assert image.height > len(chosen) * pictures.SIDE


def test_the_picture_shows_each_image_in_its_class_row(breast):
    module = datamodules.build("breastmnist")
    module.prepare()
    chosen = pictures.examples(module)
    with Image.open(io.BytesIO(pictures.picture(module))) as image:
        sheet = np.asarray(image.convert("RGB"))
    for k, rows in enumerate(chosen):
        y = pictures.TOP + k * (2 * 28 + pictures.GAP)
        for row in rows.tolist():
            wanted = module.store.images[row][..., 0].repeat(2, 0).repeat(2, 1)
            band = sheet[y : y + 56, :, 0]
            places = [
                x for x in range(band.shape[1] - 55) if np.array_equal(band[:, x : x + 56], wanted)
            ]
            assert len(places) == 1
