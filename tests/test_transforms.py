"""Augmentation: random, but only in its key."""

import numpy as np
import pytest

from datamodules.core.transforms import Augmenter

IMAGE = np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8)
KEYS = [(e, p, s) for e in range(2) for p in range(4) for s in range(2)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["standard", "symmetries"])
def test_depends_only_on_the_key(name, channels):
    image = IMAGE[:, :, :channels]
    there, back = Augmenter(name, 1), Augmenter(name, 1)
    first = {key: there(image, key) for key in KEYS}
    second = {key: back(image, key) for key in reversed(KEYS)}
    for key in KEYS:
        assert first[key].shape == image.shape
        assert (first[key] == second[key]).all()


def test_keys_and_seeds_differ():
    found = {Augmenter("standard", seed)(IMAGE, key).tobytes() for seed in (1, 2) for key in KEYS}
    assert len(found) > len(KEYS)


def test_global_random_state_is_left_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    Augmenter("standard", 1)(IMAGE, (0, 0, 0))
    assert (np.random.get_state()[1] == before).all()


def test_none_is_the_image_itself():
    assert Augmenter("none", 0)(IMAGE, (0, 0, 0)) is IMAGE


def test_brightness_stays_near():
    means = [Augmenter("standard", 1)(IMAGE, (0, p, 0)).mean() for p in range(50)]
    assert np.mean(means) == pytest.approx(IMAGE.mean(), abs=10)
