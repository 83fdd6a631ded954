"""Rotations: the four turns, their loss in loops, no augmentation, and what has no upright."""

import math

import numpy as np
import pytest
import torch

from medtail.datamodules.core.contract import DataRequest, DataSpec
from medtail.datamodules.core.errors import NeedsImagesError
from medtail.methods import rotnet
from tests.methods.one_class import NAMES, SPEC, batch, build, step


def test_turns_are_those_of_numpy():
    image = torch.arange(2 * 3 * 16.0).view(2, 3, 4, 4)
    made = rotnet.turned(image)
    assert made.shape == (8, 3, 4, 4)
    for k in range(4):
        for n in range(2):
            for c in range(3):
                np.testing.assert_array_equal(made[2 * k + n, c], np.rot90(image[n, c].numpy(), k))


@pytest.mark.parametrize("shape", [(8, 12), (12, 8), (7, 12)])
def test_of_what_is_not_square_the_middle_is_turned(shape):
    y, x = torch.meshgrid(torch.arange(float(shape[0])), torch.arange(float(shape[1])),
                          indexing="ij")  # fmt: skip
    image = torch.stack([y, x])[None]
    made = rotnet.turned(image)
    assert made.shape == (4, 2, *shape)
    side = min(shape)
    for channel, length in ((0, shape[0]), (1, shape[1])):
        seen = made[0, channel]
        start = (length - side) // 2
        assert seen.min() >= start - 1e-4
        assert seen.max() <= start + side - 1 + 1e-4
        assert seen.max() - seen.min() > side - 2
    # A turn by a half of the square is one of what was enlarged, too.
    torch.testing.assert_close(made[2], made[0].flip(1, 2), atol=1e-4, rtol=0)


def test_the_loss_and_the_score_in_loops():
    method, image = build("rotnet").eval(), batch(SPEC, 0).image
    each = []
    with torch.no_grad():
        for one in image:
            total = 0.0
            for k in range(4):
                z = method.classifier(method.features(torch.rot90(one, k, (1, 2))[None]))[0]
                total -= float(z[k]) - math.log(sum(math.exp(s) for s in z.tolist()))
            each.append(total / 4)
        np.testing.assert_allclose(method.abnormality(image), each, rtol=1e-3)
        assert method.given_loss(image).item() == pytest.approx(sum(each) / 8, rel=1e-3)


def test_augmentation_would_turn_images_and_is_left_out():
    method = build("rotnet")
    assert method.request(method.stages[0]) == DataRequest(augment=False, made=3)


def test_upright_images_are_learnt_and_those_without_an_upright_are_not():
    def images(seed, upright):
        image = 0.3 * torch.randn(8, 3, 20, 20, generator=torch.Generator().manual_seed(seed))
        if upright:
            image[:, :, :6] += 2.0  # a bright top
        else:
            image[:, :, 6:14, 6:14] += 2.0
        return batch(SPEC, seed)._replace(image=image)

    losses, scores = {}, {}
    for upright in (True, False):
        method = build("rotnet")
        optimizer = torch.optim.Adam(method.parameters(), 3e-3)
        for n in range(25):
            optimizer.zero_grad()
            step(method, images(n, upright)).backward()
            optimizer.step()
        with torch.no_grad():
            losses[upright] = method.eval().given_loss(images(99, upright).image)
            scores[upright] = method.abnormality(images(98, not upright).image).mean()
    assert losses[True] < 0.3
    assert losses[False] > 1.2, "log 4 is 1.386"
    assert scores[True] > losses[True] + 1, "what is no upright image is abnormal"


def test_it_needs_images():
    spec = DataSpec("x@oneclass", NAMES, (40, 0), (16, 16), track="one_class", features=12)
    with pytest.raises(NeedsImagesError, match="turns images"):
        build("rotnet", spec=spec).abnormality(torch.zeros(2, 12))
