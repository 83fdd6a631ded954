"""PaDiM: its distances and its smoothing by NumPy and SciPy, and where a change is seen."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from medtail.datamodules.core.contract import Batch
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.parts.maps import smoothing
from medtail.methods.padim import joined
from tests.methods.one_class import SPEC, batch, build


def fitted(images, **params):
    method = build("padim", **params).eval()
    method.conclude([batch(SPEC, seed) for seed in range(images // 8)], [])
    return method


def test_distances_are_the_cards():
    method = fitted(16, channels=6)
    maps = []
    for level in ("layer1", "layer2", "layer3"):
        method.backbone.get_submodule(level).register_forward_hook(
            lambda module, given, out: maps.append(out.detach().numpy())
        )

    def rows(image):
        maps.clear()
        method.backbone(image)
        grid = maps[0].shape[2:]
        large = []
        for one in maps:
            h = [i * one.shape[2] // grid[0] for i in range(grid[0])]
            w = [j * one.shape[3] // grid[1] for j in range(grid[1])]
            large.append(one[:, :, h][:, :, :, w])
        kept = np.concatenate(large, 1)[:, method.kept.numpy()]
        return kept.reshape(*kept.shape[:2], -1).astype(float)

    known = rows(torch.cat([batch(SPEC, seed).image for seed in range(2)]))
    asked = batch(SPEC, 7).image[:3]
    given = rows(asked)
    expected = np.zeros((3, known.shape[2]))
    for p in range(known.shape[2]):
        mean = known[:, :, p].mean(0)
        inverse = np.linalg.inv(np.cov(known[:, :, p].T) + 0.01 * np.eye(6))
        for b in range(3):
            d = given[b, :, p] - mean
            expected[b, p] = np.sqrt(d @ inverse @ d)
    found = method.distances(asked).detach()
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-3)
    smooth = [
        gaussian_filter(
            torch.nn.functional.interpolate(
                one.view(1, 1, *method.grid), size=(20, 20), mode="bilinear"
            )[0, 0].numpy(),
            4,
        ).max()
        for one in found
    ]
    np.testing.assert_allclose(method.abnormality(asked).detach().numpy(), smooth, rtol=1e-3)


@pytest.mark.parametrize(("size", "sigma"), [(28, 4.0), (9, 4.0), (16, 0.7)])
def test_smoothing_is_scipys(size, sigma):
    image = np.random.default_rng(0).normal(size=(size, size))
    matrix = smoothing(size, sigma).double().numpy()
    np.testing.assert_allclose(matrix @ image @ matrix.T, gaussian_filter(image, sigma), atol=1e-6)


def test_channels_are_drawn_once_and_kept():
    first, second = build("padim", channels=9), build("padim", seed=1, channels=9)
    assert len(first.kept.unique()) == 9
    assert not torch.equal(first.kept, second.kept)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first.kept, second.kept)
    assert len(build("padim", channels=5000).kept) == 32 + 48 + 192


def test_few_images_are_enough_and_abnormal_ones_are_not_looked_at():
    method = build("padim").eval()
    one = batch(SPEC, 0)
    mixed = Batch(one.image, torch.arange(8) % 2, one.index)
    method.conclude([mixed], [])
    alone = build("padim").eval()
    alone.conclude([batch(SPEC, 0)._replace(image=one.image[::2], target=torch.zeros(4))], [])
    assert torch.equal(method.mean, alone.mean)
    assert method.whitening.isfinite().all()


def test_a_change_at_one_place_raises_that_place_alone():
    method = fitted(16)
    asked = batch(SPEC, 7).image[:1]
    before = method.distances(asked)
    usual = method.patches

    def changed(image):
        found = usual(image).clone()
        found[:, 5] += 3
        return found

    method.patches = changed
    after = method.distances(asked)
    assert after[0, 5] > before[0, 5]
    others = torch.arange(before.shape[1]) != 5
    assert torch.equal(after[:, others], before[:, others])


def test_joined_takes_the_grid_of_the_first():
    maps = [torch.randn(2, 3, 7, 7), torch.arange(16.0).view(1, 1, 4, 4).expand(2, 1, 4, 4)]
    found = joined(maps)
    assert found.shape == (2, 4, 7, 7)
    assert torch.equal(found[:, :3], maps[0])
    assert found[0, 3, 0].tolist() == [0, 0, 1, 1, 2, 2, 3]


def test_what_has_no_maps_is_refused():
    with pytest.raises(MedtailError, match="padim: needs a backbone whose stages"):
        build("padim", backbone="conv4")
