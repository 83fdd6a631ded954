"""Pictures of anomaly maps: which images, what is refused, and that pages show what is there."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from medtail import datamodules, methods
from medtail.benchmark.cards import method_pages
from medtail.benchmark.cards.docstrings import parse
from medtail.datamodules.core.errors import MedtailError
from tests.methods.one_class import SPEC, batch, build
from tools import anomaly_maps

WITH_MAPS = ("ae_u", "padim", "patchcore", "rd4ad")


def test_which_methods_have_maps():
    every = methods.registry().items()
    assert {n for n, m in every if getattr(m, "has_maps", bool)()} == set(WITH_MAPS)
    with pytest.raises(MedtailError, match="knn: it scores images as a whole"):
        build("knn").anomaly_map(torch.zeros(1, 3, 20, 20))


@pytest.mark.parametrize("name", WITH_MAPS)
def test_maps_have_a_value_for_each_pixel_and_are_of_the_image_alone(name):
    method, image = build(name).eval(), batch(SPEC, 0).image
    with torch.no_grad():
        maps = method.anomaly_map(image)
        apart = torch.cat([method.anomaly_map(one[None]) for one in image])
        mean = method.anomaly_map(image).mean((1, 2))
    assert maps.shape == (8, 20, 20)
    assert maps.dtype == torch.float32
    assert maps.isfinite().all()
    torch.testing.assert_close(maps, apart, rtol=1e-3, atol=1e-4)
    if name == "ae_u":  # whose score is the mean
        torch.testing.assert_close(mean, method.abnormality(image))


def test_examples_are_given_and_abnormal_test_images(tmp_path):
    data = datamodules.build("phantom@oneclass", count=200, cache=tmp_path)
    data.prepare()
    rows = anomaly_maps.examples(data)
    assert data.target[rows].tolist() == [0, 0, 1, 1, 1]
    assert set(rows) <= set(data.rows("test").tolist())
    assert len(set(data.table.target[rows[2:]])) == 3


def test_images_are_normalised_as_the_network_knows_them():
    method = build("padim").eval()
    network = SimpleNamespace(
        method=method, title="it", device=method.device, dtype=torch.float32,
        about=SimpleNamespace(spec=SPEC),
    )  # fmt: skip
    images = [np.full((20, 20, 3), 40 * n, np.uint8) for n in range(2)]
    seen = []
    method.anomaly_map = lambda image: seen.append(image) or image[:, 0]
    anomaly_maps.maps_of(network, images)
    torch.testing.assert_close(method.pixels(seen[0])[1], torch.full((3, 20, 20), 40 / 255))
    network.method = build("knn")
    with pytest.raises(MedtailError, match="it: the method scores images as a whole"):
        anomaly_maps.maps_of(network, images)


def test_the_picture_shows_images_above_maps_on_one_scale():
    images = [np.full((8, 8, 3), 255, np.uint8), np.zeros((8, 8, 3), np.uint8)]
    maps = np.stack([np.zeros((8, 8)), np.ones((8, 8))]).astype(np.float32)
    found = anomaly_maps.sheet("t", ["a", "b"], images, maps)
    shown = np.asarray(Image.open(io.BytesIO(found)).convert("L")).astype(int)
    side, gap = anomaly_maps.SIDE, anomaly_maps.GAP
    left, right = gap + side // 2, 2 * gap + side + side // 2
    above, below = len(shown) - gap - side - side // 2, len(shown) - side // 2
    assert (shown[above, left], shown[above, right]) == (255, 0)
    assert shown[below, left] < 20 < 200 < shown[below, right]
    assert found == anomaly_maps.sheet("t", ["a", "b"], images, maps)


def test_the_page_shows_a_picture_that_is_there():
    page = method_pages.page("padim", parse("padim"), "erm", {}, [], "x", "padim.png")
    assert "](padim.png)" in page
    assert ".png" not in method_pages.page("padim", parse("padim"), "erm", {}, [], "x")
