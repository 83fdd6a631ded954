"""The symmetries whose features are kept: those of the augmentation, each once."""

import numpy as np
import pytest
import torch

from medtail.benchmark.features.symmetries import symmetries
from medtail.datamodules.core.pixels.transforms import Augmenter


@pytest.mark.parametrize(("shape", "amount"), [((6, 6), 8), ((6, 9), 4)])
def test_they_are_those_of_the_augmentation(shape, amount):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    square = shape[0] == shape[1]
    given = torch.from_numpy(image).permute(2, 0, 1)
    found = [s(given[None])[0].permute(1, 2, 0).numpy() for s in symmetries(square)]
    augmenter = Augmenter("symmetries", 0, shape)
    drawn = {augmenter(image, (0, place, 0)).tobytes() for place in range(400)}
    assert {one.tobytes() for one in found} == drawn
    assert len(found) == len(drawn) == amount
    assert np.array_equal(found[0], image)
