"""Middle classes without medicine, and the cup of the optic disc."""

import numpy as np
import pytest
import torch

from medtail.methods.core.middle_classes.fundus import disc
from medtail.methods.core.middle_classes.registry import GENERATORS
from tests.methods.core.middle_classes.test_middle_classes import eyes, rng


@pytest.mark.parametrize(
    ("name", "quarters"), [("quarter_turn", 1), ("half_turn", 2), ("three_quarter_turn", 3)]
)
def test_turns_are_turns(name, quarters):
    image = torch.rand(2, 3, 9, 9, generator=rng())
    expected = np.rot90(image.numpy(), quarters, (2, 3))
    assert np.array_equal(GENERATORS[name](image, image, rng()).numpy(), expected)


def test_noise_has_its_deviation():
    image = torch.full((200, 3, 24, 24), 0.5)
    found = (GENERATORS["noise"](image, image, rng()) - image).std((1, 2, 3))
    assert 0.04 < found.min() < 0.07
    assert 0.17 < found.max() < 0.21
    assert GENERATORS["noise"](image, image, rng()).mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("name", ["pasted_patch", "pasted_scar"])
def test_the_control_of_a_paste_changes_light_alone(name):
    image = 0.2 + 0.5 * torch.rand(64, 3, 32, 32, generator=rng())
    control = GENERATORS[name](image, image, rng(1), identity=True)
    ratio = control / image
    assert (ratio - 1).abs().max() <= 0.1 + 1e-4
    for one in ratio:
        for channel in one:  # of one light where it is pasted
            changed = channel[(channel - 1).abs() > 1e-4]
            assert len(changed) == 0 or changed.std(correction=0) < 1e-3
    pasted = GENERATORS[name](image, image, rng(1))
    where = (control != image).any(1, keepdim=True).expand_as(image)
    assert (pasted[~where] == image[~where]).float().mean() > 0.99, "the same place"
    assert (pasted - image)[where].abs().mean() > 3 * (control - image)[where].abs().mean()


def test_a_cup_is_enlarged_and_the_rim_and_the_rest_stay():
    image, _ = eyes(batch=16, size=128)
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    column, row = (v[:, :, None].float() for v in disc(image))
    distance = torch.hypot(x - column, y - row)
    cup = torch.exp(-0.5 * (distance / 2).square())[:, None]
    image = (image + 0.3 * cup).clamp(0, 1)
    column, row = (v[:, :, None].float() for v in disc(image))
    distance = torch.hypot(x - column, y - row)[:, None]
    made = GENERATORS["cup_enlarge"](image, image, rng())
    control = GENERATORS["cup_enlarge"](image, image, rng(), identity=True)
    outside = (distance >= 8).expand_as(image)
    assert torch.equal(made[outside], image[outside])
    assert torch.equal(control[outside], image[outside])
    ring = ((distance > 2) & (distance < 5)).expand_as(image)
    gain = [float((v - image)[ring].mean()) for v in (made, control)]
    assert gain[0] > 0.01
    assert abs(gain[1]) < 0.4 * gain[0], "an oval of the same area"
