"""CMO: its boxes, what is pasted into what, when, and whose targets count."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch
from medtail.datamodules.core.errors import MedtailError, NeedsImagesError
from medtail.methods import cmo
from medtail.methods.balanced_softmax import balanced_softmax_loss
from medtail.methods.cmo import box_around, draw_box, paste
from tests.methods.long_tail import (
    COMMON,
    COUNTS,
    RARE,
    N,
    at,
    batch,
    build,
    effective,
    log_softmax,
)

BOX = (2, 10, 4, 8)


def both(seed=0):
    return batch(seed)._replace(second=batch(seed + 1))


def pasting(monkeypatch, box=BOX, progress=0.5, **arguments):
    monkeypatch.setattr(cmo, "draw_box", lambda size: box)
    return at(build("cmo", probability=1.0, **arguments), progress)


@pytest.mark.parametrize("lam", [0.0, 0.19, 0.5, 0.99])
@pytest.mark.parametrize("centre", [(0, 0), (10, 14), (27, 31), (3, 30)])
def test_a_box_by_its_pixels(lam, centre):
    """A pixel is inside where it is less than half a box from the centre, on its upper side."""
    height, width = 28, 32
    top, bottom, left, right = box_around(centre, (height, width), lam)
    r = math.sqrt(1 - lam)
    h, w = math.floor(height * r) // 2, math.floor(width * r) // 2
    inside = {
        (y, x)
        for y in range(height)
        for x in range(width)
        if -h <= y - centre[0] < h and -w <= x - centre[1] < w
    }
    assert inside == {(y, x) for y in range(top, bottom) for x in range(left, right)}


def test_drawn_boxes_are_everywhere_and_of_every_size():
    torch.manual_seed(0)
    size = (28, 32)
    boxes = np.array([draw_box(size) for _ in range(3000)])
    share = (boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2]) / (28 * 32)
    assert share.max() > 0.8
    assert (share == 0).any()
    # Unclipped the mean is 1/2; a uniform centre loses some of it.
    expected = []
    rng = np.random.default_rng(0)
    for lam in rng.uniform(size=3000):
        t, b, le, r = box_around((rng.integers(28), rng.integers(32)), size, lam)
        expected.append((b - t) * (r - le) / (28 * 32))
    assert share.mean() == pytest.approx(np.mean(expected), abs=0.02)
    middle = (boxes[:, :2].mean(), boxes[:, 2:].mean())
    np.testing.assert_allclose(middle, (13.75, 15.75), atol=0.5)


def test_the_partners_pixels_are_inside_and_the_natural_images_around():
    natural, partner = torch.zeros(2, 3, 12, 16), torch.ones(2, 3, 12, 16)
    pasted, stayed = paste(natural, partner, BOX)
    for y in range(12):
        for x in range(16):
            assert (pasted[..., y, x] == (2 <= y < 10 and 4 <= x < 8)).all()
    assert stayed == pytest.approx(1 - 32 / 192)
    assert (natural == 0).all()
    pasted, stayed = paste(natural, partner, (3, 3, 0, 5))
    assert torch.equal(pasted, natural)
    assert stayed == 1


def test_the_loss_of_a_pasted_batch(monkeypatch):
    method, given = pasting(monkeypatch), both()
    image, _ = paste(given.image, given.second.image, BOX)
    likely = log_softmax(method(image).detach().double().numpy())
    rows, stayed = np.arange(8), 1 - 32 / 256
    expected = -stayed * likely[rows, given.target].mean()
    expected -= (1 - stayed) * likely[rows, given.second.target].mean()
    assert method.loss(given).item() == pytest.approx(expected, rel=1e-5)
    assert not np.isclose(expected, F.cross_entropy(method(given.image), given.target).item())


@pytest.mark.parametrize("base", ["cross_entropy", "balanced_softmax", "ldam"])
def test_the_base_is_the_loss_of_both_targets(base, monkeypatch):
    method, given = pasting(monkeypatch, base=base), both()
    image, stayed = paste(given.image, given.second.image, BOX)
    logits = method(image)

    def base_loss(target):
        if base == "cross_entropy":
            return F.cross_entropy(logits, target)
        if base == "balanced_softmax":
            return balanced_softmax_loss(logits, target, COUNTS)
        n = COUNTS.double() ** -0.25
        margin = 30 * 0.5 * n / n.max() * F.one_hot(target, 7)
        return F.cross_entropy(logits - margin, target)

    expected = stayed * base_loss(given.target) + (1 - stayed) * base_loss(given.second.target)
    assert method.loss(given).item() == pytest.approx(expected.item(), rel=1e-5)
    assert (method.classifier.weight.shape, hasattr(method.classifier, "scale")) == (
        (7, method.num_features),
        base == "ldam",
    )


@pytest.mark.parametrize(("progress", "weighted"), [(0.5, False), (0.8, True)])
def test_weights_may_be_deferred(progress, weighted, monkeypatch):
    method, given = pasting(monkeypatch, progress=progress, drw=True), both()
    image, stayed = paste(given.image, given.second.image, BOX)
    weight = torch.tensor(effective(N, 0.9999)) if weighted else torch.ones(7)
    each = [
        (weight[y] * F.cross_entropy(method(image), y, reduction="none")).mean()
        for y in (given.target, given.second.target)
    ]
    expected = stayed * each[0] + (1 - stayed) * each[1]
    assert method.loss(given).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("progress", "pasted"), [(0.0, 0), (0.02, 0), (0.03, 1), (0.98, 1), (0.985, 0), (0.99, 0)]
)
def test_nothing_is_pasted_in_the_first_and_the_last_epochs(progress, pasted, monkeypatch):
    method, given = pasting(monkeypatch, progress=progress), both()
    plain = F.cross_entropy(method(given.image), given.target)
    assert (method.loss(given).item() != plain.item()) == bool(pasted)
    assert method.boxes[0] == pasted


def test_half_of_the_batches_are_pasted_into_and_without_any_it_is_erm(monkeypatch):
    torch.manual_seed(0)
    method, given = at(build("cmo"), 0.5), both()
    for _ in range(60):
        method.loss(given)
    assert method.boxes[0].item() == pytest.approx(30, abs=9)
    never = at(build("cmo", probability=0.0), 0.5)
    plain = F.cross_entropy(never(given.image), given.target)
    assert all(torch.equal(never.loss(given), plain) for _ in range(5))
    assert never.findings() == {}


def test_rare_classes_get_more_of_the_targets(monkeypatch):
    """With a partner of a rare class the rare logit is pushed up, by the share of the box."""
    image = torch.randn(8, 3, 16, 16)
    common, rare = torch.full((8,), COMMON), torch.full((8,), RARE)
    given = Batch(image, common, common, Batch(image, rare, rare))
    method = pasting(monkeypatch)
    logits = torch.zeros(8, 7, requires_grad=True)
    method.forward = lambda image: logits
    method.loss(given).backward()
    assert (logits.grad[:, RARE] * 8).tolist() == pytest.approx([1 / 7 - 32 / 256] * 8)
    assert method.request(method.stages[0]).second == "class_balanced"
    assert method.request(method.stages[0]).sampler == "instance"


def test_it_counts_the_boxes_over_the_centre(monkeypatch):
    method, given = pasting(monkeypatch), both()
    over = ((0, 16, 0, 16), (8, 9, 8, 9))
    for box in (*over, (0, 8, 0, 16), (9, 16, 0, 16), (0, 16, 0, 8), (0, 16, 0, 4), (0, 16, 9, 16)):
        monkeypatch.setattr(cmo, "draw_box", lambda size, box=box: box)
        method.loss(given)
    assert method.findings() == {"boxes_over_centre": pytest.approx(2 / 7)}


def test_features_are_not_pasted_and_bad_arguments(monkeypatch):
    method = pasting(monkeypatch)
    flat = Batch(torch.randn(4, 5), torch.arange(4), torch.arange(4))
    with pytest.raises(NeedsImagesError, match="it pastes images"):
        method.loss(flat._replace(second=flat))
    with pytest.raises(MedtailError, match="probability must be in"):
        build("cmo", probability=1.5)
    with pytest.raises(MedtailError, match="unknown base of cmo 'focal'"):
        build("cmo", base="focal")
