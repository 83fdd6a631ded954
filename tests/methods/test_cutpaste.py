"""CutPaste: what is pasted, and three ways told apart."""

import math

import pytest
import torch
from torch.nn import functional as F

from medtail.methods.core.middle_classes.perturbations import cut_patch, cut_scar
from tests.methods.test_one_class import SPEC, batch, build


def test_pastes_come_from_the_image_and_have_their_size():
    x = torch.arange(64.0).expand(64, 64)
    image = torch.stack([x / 64, x.T / 64, 0.5 + 0 * x]).expand(64, -1, -1, -1)
    for cut, low, high in (
        (cut_patch, 0.01, 0.16),
        (cut_scar, 2e-4, 0.01),
    ):
        torch.manual_seed(0)
        made = cut(image)
        changed = ((made - image).abs() > 1e-4).any(1).float().mean((1, 2))
        assert (changed > low).all()
        assert (changed < high).all()
        assert (made[:, 2] - 0.5).abs().max() <= 0.0501  # jitter of a tenth
        assert changed.std() > 0
        moved = (made - image)[:, :2].abs().amax((2, 3))
        assert (moved.amax(1) > 0.1).float().mean() > 0.8, "from another place"
        assert (made[:, 2] - 0.5).abs().max() > 0.03
    aspects = []
    for one in ((cut_patch(image) - image).abs() > 1e-4).any(1):
        rows, columns = one.any(1).sum(), one.any(0).sum()
        aspects.append(float(columns / rows))
        assert one.sum() == rows * columns, "a patch is a rectangle inside the image"
    assert 0.2 < min(aspects) < 0.5
    assert 2 < max(aspects) < 4.5


def test_three_ways_are_told_apart():
    method, image = build("cutpaste"), batch(SPEC, 0, size=5).image
    torch.manual_seed(0)
    made = method.generated(image)
    torch.testing.assert_close(made[:5], method.normalised(method.pixels(image)))
    logits = method.eval().score(method.features(made))
    each = [-math.log(F.softmax(z, 0)[n // 5]) for n, z in enumerate(logits.detach())]
    torch.manual_seed(0)
    assert method.given_loss(image).item() == pytest.approx(sum(each) / 15, rel=1e-4)


@pytest.mark.parametrize("cut", [cut_patch, cut_scar])
def test_a_paste_may_lie_anywhere(cut):
    """To the last row and column; the light of a paste tells it apart even where it was."""
    image = torch.full((4000, 3, 20, 20), 0.5)
    moved = (cut(image, torch.Generator().manual_seed(0)) != image).any(1).double().mean(0)
    for found in (moved, moved.T):
        assert found[0].sum() > 0
        assert found[-1].sum() > 0
        assert float(found[:10].sum()) == pytest.approx(float(found[10:].sum()), rel=0.08)


def test_patches_cover_what_they_say():
    """Between 2 and 15 % of an image, even, whatever their shape."""
    image = torch.full((4000, 3, 40, 40), 0.5)
    changed = (cut_patch(image, torch.Generator().manual_seed(1)) != image).any(1)
    assert float(changed.double().mean()) == pytest.approx((0.02 + 0.15) / 2, rel=0.05)
