"""What images are normalised with."""

import numpy as np
import pytest
import torch

from medtail import datamodules
from medtail.datamodules.core.contract import MEAN, STD
from medtail.datamodules.core.errors import DataError, MedtailError
from medtail.datamodules.core.pixels.cache import ImageStore
from medtail.datamodules.core.pixels.normalisation import constants, measured


@pytest.fixture
def store(tmp_path):
    """Six hundred images of two channels, more than are counted at a time."""
    images = np.random.default_rng(0).integers(0, 256, (600, 5, 4, 2), dtype=np.uint8)
    images[..., 1] //= 3
    np.save(tmp_path / "images.npy", images)
    return ImageStore(tmp_path / "images.npy")


def phantom(regime="natural", **arguments):
    module = datamodules.build(f"phantom@{regime}", 16, count=300, **arguments)
    module.prepare()
    return module


def test_measured_is_numpys_mean_and_deviation_of_the_rows(store):
    rows = np.arange(0, 600, 2)
    pixels = store.images[rows].reshape(-1, 2) / 255
    mean, std = measured("fake", store, rows)
    np.testing.assert_allclose(mean, pixels.mean(0), rtol=1e-12)
    np.testing.assert_allclose(std, pixels.std(0), rtol=1e-12)
    assert measured("fake", store, rows[::-1]) == (mean, std)
    assert measured("fake", store, rows + 1) != (mean, std)


def test_named_and_given_constants(store):
    rows = np.arange(6)
    assert constants("fake", "imagenet", store, rows) == ((), ())
    assert constants("fake", "half", store, rows) == ((0.5, 0.5), (0.5, 0.5))
    assert constants("fake", "dataset", store, rows) == measured("fake", store, rows)
    assert constants("fake", ((0.1,), (0.2,)), store, rows) == ((0.1, 0.1), (0.2, 0.2))
    assert constants("fake", ((0.1, 0.3), (0.2, 1)), store, rows) == ((0.1, 0.3), (0.2, 1))
    with pytest.raises(DataError, match="numbers for 3 channels, its images have 2"):
        constants("fake", ((0.1,) * 3, (0.2,) * 3), store, rows)


def test_images_of_one_grey_cannot_be_measured(tmp_path):
    np.save(tmp_path / "flat.npy", np.full((3, 2, 2, 1), 7, np.uint8))
    with pytest.raises(DataError, match="all of one grey"):
        measured("flat", ImageStore(tmp_path / "flat.npy"), np.arange(3))


def test_the_spec_carries_them_and_batches_are_normalised_with_them():
    usual, half = phantom(), phantom(normalisation="half")
    assert usual.spec.normalisation == (MEAN, STD)
    assert (usual.spec.mean, usual.spec.std) == ((), ())
    ends = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    torch.testing.assert_close(half.normalise(ends)[0, :, 0], torch.tensor([[-1.0, 1.0]] * 3))
    assert half.spec.normalisation == ((0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize("regime", ["natural", "lt10", "oneclass"])
def test_the_dataset_is_normalised_to_mean_0_and_deviation_1_on_what_is_trained_on(regime):
    module = phantom(regime, normalisation="dataset")
    image = torch.from_numpy(module.store.images[module.rows("train")]).permute(0, 3, 1, 2)
    normal = module.normalise(image).double()
    torch.testing.assert_close(normal.mean((0, 2, 3)), torch.zeros(3).double(), atol=1e-5, rtol=0)
    std = normal.std((0, 2, 3), correction=0)
    torch.testing.assert_close(std, torch.ones(3).double(), atol=1e-5, rtol=0)
    before = module.spec.normalisation
    module.keep(module.rows("train")[:50])  # active: labels grow, the eye stays
    assert module.spec.normalisation == before


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("halve", "unknown normalisation 'halve': did you mean half"),
        (3, "give imagenet, half, dataset, or"),
        ([[0.5]], "give imagenet, half, dataset, or"),
        ([["a"], [1]], "give imagenet, half, dataset, or"),
        ([[], []], "0 means, 0 deviations"),
        ([[0.5, 0.5], [0.5]], "2 means, 1 deviations"),
        ([[127.5], [127.5]], "of pixels from 0 to 1"),
        ([[0.5], [0]], "of pixels from 0 to 1"),
        ([[float("nan")], [0.5]], "of pixels from 0 to 1"),
    ],
)
def test_mistakes_are_one_line(given, words):
    with pytest.raises(MedtailError) as caught:
        datamodules.build("phantom", normalisation=given)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
