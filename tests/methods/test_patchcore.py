"""PatchCore: its patches, bank and scores in loops, its limit and directions."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.parts.maps import maps_of, smoothing
from medtail.methods.patchcore import PROJECTED, greedy_bank, patch_features, reweighted
from tests.methods.one_class import SPEC, batch, build

SMALL = replace(SPEC, class_counts=(16, 0))


def fitted(batches=2, **params):
    method = build("patchcore", spec=SMALL, **params).eval()
    method.conclude([batch(SMALL, seed) for seed in range(batches)], [])
    return method


def binned(values, amount):
    """Adaptive averages: bin i is from floor(i N / n) to ceil((i + 1) N / n)."""
    size = len(values)
    ends = [(i * size // amount, -((i + 1) * size // -amount)) for i in range(amount)]
    return np.array([values[a:b].mean() for a, b in ends])


def resized(grid, size):
    """Bilinear, corners not aligned, of [h, w] in loops."""
    out = np.zeros(size)
    for y in range(size[0]):
        for x in range(size[1]):
            at = []
            for place, old, new in ((y, grid.shape[0], size[0]), (x, grid.shape[1], size[1])):
                where = max(0.0, (place + 0.5) * old / new - 0.5)
                low = min(int(where), old - 1)
                at.append((low, min(low + 1, old - 1), where - low))
            (a, b, v), (c, d, u) = at
            top = grid[a, c] * (1 - u) + grid[a, d] * u
            out[y, x] = top * (1 - v) + (grid[b, c] * (1 - u) + grid[b, d] * u) * v
    return out


def test_patches_in_loops():
    rng = np.random.default_rng(0)
    shapes, dim, size = [(2, 5, 4), (3, 3, 2)], 7, (5, 4)
    maps = [rng.normal(size=shape) for shape in shapes]
    expected = np.zeros((20, dim))
    around = []
    for one in maps:
        padded = np.pad(one, ((0, 0), (1, 1), (1, 1)))
        channels, height, width = one.shape
        values = [
            padded[c, dy : dy + height, dx : dx + width]
            for c in range(channels)
            for dy in range(3)
            for dx in range(3)
        ]
        around.append(np.stack([resized(v, size) for v in values]))
    for p in range(20):
        y, x = divmod(p, 4)
        parts = [binned(one[:, y, x], dim) for one in around]
        expected[p] = binned(np.concatenate(parts), dim)
    found = patch_features([torch.tensor(one)[None] for one in maps], dim)
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-12)


def test_the_bank_is_k_center_greedy_from_the_largest_row_of_distances():
    points = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)).double()
    matrix = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    chosen = [int(matrix.norm(dim=1).argmax())]
    while len(chosen) < 9:
        chosen.append(int(matrix[:, chosen].amin(1).argmax()))
    assert greedy_bank(points, 9).tolist() == chosen
    assert sorted(greedy_bank(points, 30).tolist()) == list(range(30))
    same = torch.ones(5, 2).double()
    assert sorted(greedy_bank(same, 5).tolist()) == list(range(5)), "each patch once"


def test_scores_in_loops():
    method = fitted(share=0.3, neighbours=4)
    bank = method.known.double().numpy()
    assert len(bank) == int(0.3 * 16 * math.prod(method.grid))
    asked = batch(SPEC, 7).image[:3]
    with torch.no_grad():
        patches = method.patches(asked).double().numpy()
        found, maps = method.abnormality(asked), method.anomaly_map(asked)
    filter_ = smoothing(20, 4.0)
    for n, mine in enumerate(patches):
        distance = np.array([[np.linalg.norm(m - b) for b in bank] for m in mine])
        nearest = distance.min(1)
        worst = nearest.argmax()
        middle = bank[distance[worst].argmin()]
        order = np.argsort([np.linalg.norm(middle - b) for b in bank])[:4]
        far = [distance[worst, j] for j in order]
        assert order[0] == distance[worst].argmin()
        weight = 1 - math.exp(far[0]) / sum(map(math.exp, far))
        assert found[n].item() == pytest.approx(nearest.max() * weight, rel=1e-4)
        large = F.interpolate(
            torch.tensor(nearest).float().view(1, 1, *method.grid), size=(20, 20), mode="bilinear"
        )[0, 0]
        torch.testing.assert_close(maps[n], filter_ @ large @ filter_.T, rtol=1e-4, atol=1e-4)


def test_the_bank_holds_patches_chosen_in_the_projection():
    method = fitted(share=0.2)
    images = torch.cat([batch(SMALL, seed).image for seed in range(2)])
    with torch.no_grad():
        every = method.patches(images).flatten(0, 1)
    assert method.linear.shape == (method.dim, PROJECTED)
    chosen = greedy_bank(every.double() @ method.linear.double(), len(method.known))
    torch.testing.assert_close(method.known, every[chosen])
    assert method.dim == 9 * 48


def test_without_weights_and_of_every_patch_it_is_the_nearest_distance():
    method = fitted(share=1.0, neighbours=1)
    asked, given = batch(SMALL, 7).image, batch(SMALL, 0).image
    with torch.no_grad():
        patches = method.patches(asked)
        every = torch.cat([method.patches(batch(SMALL, n).image) for n in range(2)]).flatten(0, 1)
        expected = torch.cdist(patches.flatten(0, 1).double(), every.double()).amin(1)
        found = method.abnormality(asked)
        assert method.abnormality(given).max() < 1e-4 * found.min()
    assert len(method.known) == len(every)
    torch.testing.assert_close(found.double(), expected.view(8, -1).amax(1), rtol=1e-5, atol=0)


def test_more_given_patches_never_raise_a_score():
    asked = batch(SMALL, 7).image
    with torch.no_grad():
        few, more = (fitted(n, share=1.0, neighbours=1).abnormality(asked) for n in (1, 2))
    assert (more <= few).all()
    assert (more < few).any()


def test_blocks_of_the_bank_change_nothing(monkeypatch):
    method, asked = fitted(share=1.0), batch(SMALL, 7).image
    with torch.no_grad():
        whole = method.abnormality(asked)
        monkeypatch.setattr("medtail.methods.patchcore.BLOCK", 7)
        torch.testing.assert_close(method.abnormality(asked), whole)


def test_the_weight_falls_where_the_neighbours_are_as_far():
    largest = torch.tensor([2.0, 2.0])
    found = reweighted(largest, torch.tensor([[2.0, 2.0], [2.0, 9.0]]))
    assert found[0].item() == pytest.approx(1.0)
    assert found[1].item() == pytest.approx(2 * (1 - 1 / (1 + math.exp(7))))


def test_images_are_evenly_taken_and_abnormal_ones_never():
    spec = replace(SPEC, class_counts=(16, 0))
    few = build("patchcore", spec=spec, images=5, share=1.0).eval()
    assert few.every == 4
    given = [batch(spec, n, size=3) for n in range(4)]
    seen = []
    usual = few.patches
    few.patches = lambda image: seen.append(image) or usual(image)
    target = torch.tensor([1, 0, 0])
    few.conclude([Batch(b.image, target, b.index) for b in given], [])
    every = torch.cat([b.image[1:] for b in given])
    assert torch.equal(torch.cat(seen), every[::4])
    assert len(few.known) == 2 * math.prod(few.grid)
    assert len(few.bank) == 4 * math.prod(few.grid)


@pytest.mark.parametrize("wrong", [{"share": 0}, {"share": 1.1}, {"neighbours": 0}, {"images": 0}])
def test_bad_arguments_are_one_line(wrong):
    name = next(iter(wrong))
    with pytest.raises(MedtailError, match=f"^patchcore: {name} must be in"):
        build("patchcore", **wrong)


def test_what_has_no_maps_is_refused():
    with pytest.raises(MedtailError, match="patchcore: needs a backbone whose stages"):
        build("patchcore", backbone="conv4")
    image = torch.zeros(1, 3, 20, 20)
    assert len(maps_of(build("patchcore").backbone, image, (2, 3))) == 2
