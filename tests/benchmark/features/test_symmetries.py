"""The symmetries whose features are kept: those of the augmentation, each once."""

import numpy as np
import pytest
import torch

from medtail.benchmark.features.symmetries import symmetries
from medtail.datamodules.core.pixels.transforms import Augmenter


@pytest.mark.parametrize(
    ("name", "shape", "amount"),
    [
        ("symmetries", (6, 6), 8),
        ("symmetries", (6, 9), 4),
        ("mirror", (6, 6), 2),
        ("mirror", (6, 9), 2),
    ],
)
def test_they_are_those_of_the_augmentation(name, shape, amount):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    square = shape[0] == shape[1]
    given = torch.from_numpy(image).permute(2, 0, 1)
    found = [s(given[None])[0].permute(1, 2, 0).numpy() for s in symmetries(name, square)]
    augmenter = Augmenter(name, 0, shape)
    drawn = {augmenter(image, (0, place, 0)).tobytes() for place in range(400)}
    assert {one.tobytes() for one in found} == drawn
    assert len(found) == len(drawn) == amount
    assert np.array_equal(found[0], image)
    assert all(np.array_equal(s(given[None])[0], given) for s in symmetries("none", square))
    assert len(symmetries("none", square)) == 1
