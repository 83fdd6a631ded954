"""Range loss: its two terms in loops, its corners, its direction."""

from itertools import combinations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.datamodules.core.contract import PK
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.range_loss import harmonic_range, range_terms
from tests.methods.long_tail import batch, build


def drawn(size=12, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.normal(size=(size, dim)))


def in_loops(f, y, k, margin):
    intra, means = 0.0, []
    for c in sorted(set(y)):
        rows = [row for row, label in zip(f, y, strict=True) if label == c]
        means.append(np.mean(rows, 0))
        far = sorted((np.linalg.norm(a - b) for a, b in combinations(rows, 2)), reverse=True)[:k]
        if far:
            intra += len(far) / sum(1 / d for d in far)
    apart = [np.linalg.norm(a - b) for a, b in combinations(means, 2)]
    return intra, max(0.0, margin - min(apart)) if apart else 0.0


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("margin", [0.1, 2.5])
@pytest.mark.parametrize(
    "classes", [[0, 0, 0, 0, 2, 2, 2, 2, 5, 5, 5, 5], [0] * 7 + [1] * 2 + [2] * 2 + [6]]
)
def test_the_terms(k, margin, classes):
    """In the second batch classes have fewer than k pairs, and one has none."""
    f = drawn()
    found = range_terms(f, torch.tensor(classes), k, margin)
    expected = in_loops(f.numpy(), classes, k, margin)
    np.testing.assert_allclose([t.item() for t in found], expected, rtol=1e-9)


def test_a_single_pair_is_its_distance_and_no_zero_joins_it():
    f = torch.tensor([[0.0, 0.0], [0.3, 0.4]])
    assert harmonic_range(f, 2).item() == pytest.approx(0.5)


def test_one_class_has_no_means_to_part_and_one_image_no_range():
    intra, inter = range_terms(drawn(4), torch.full((4,), 3), 2, 9.0)
    assert intra > 0
    assert inter == 0
    intra, inter = range_terms(drawn(3), torch.tensor([0, 1, 4]), 2, 9.0)
    assert intra == 0
    assert inter > 0


def test_equal_images_have_finite_gradients():
    f = drawn(4)[[0, 0, 1, 1]].requires_grad_()
    intra, inter = range_terms(f, torch.tensor([0, 0, 0, 1]), 2, 9.0)
    (intra + inter).backward()
    assert f.grad.isfinite().all()
    same = drawn(1).repeat(4, 1).requires_grad_()
    intra, _ = range_terms(same, torch.zeros(4).long(), 2, 9.0)
    intra.backward()
    assert (same.grad == 0).all()
    two = drawn(2)[[0, 0, 1]].requires_grad_()
    intra, _ = range_terms(two, torch.zeros(3).long(), 5, 9.0)
    intra.backward()
    assert two.grad.isfinite().all()


def test_steps_bring_the_farthest_together_and_the_means_apart():
    f, target = (0.1 * drawn(8)).requires_grad_(), torch.arange(8) // 4
    before = [t.item() for t in range_terms(f, target, 2, 1.0)]
    for _ in range(20):
        (gradient,) = torch.autograd.grad(sum(range_terms(f, target, 2, 1.0)), f)
        f.data -= 0.02 * gradient
    after = [t.item() for t in range_terms(f, target, 2, 1.0)]
    assert after[0] < before[0]
    assert after[1] < before[1]


def both():
    second = batch(3, 12)
    return batch()._replace(second=second._replace(target=torch.arange(12) // 4))


def test_the_loss_is_its_three_terms():
    method, given = build("range_loss", intra=0.7, inter=0.3, margin=1e3), both()
    f = method.features(given.second.image).detach().double().numpy()
    intra, inter = in_loops(f, given.second.target.tolist(), 2, 1e3)
    plain = F.cross_entropy(method(given.image), given.target).item()
    expected = plain + 0.7 * intra + 0.3 * inter
    assert method.loss(given).item() == pytest.approx(expected, rel=1e-5)


def test_without_the_terms_it_is_cross_entropy_and_with_them_it_is_not():
    given = both()
    none = build("range_loss", intra=0.0, inter=0.0)
    plain = F.cross_entropy(none(given.image), given.target)
    torch.testing.assert_close(none.loss(given), plain)
    method = build("range_loss")
    assert method.loss(given) > plain + 1e-3
    assert (method.intra, method.inter, method.largest, method.margin) == (0.001, 0.5, 2, 0.1)
    asked = method.request(method.stages[0])
    assert (asked.sampler, asked.second) == ("instance", PK(8, 4))


@pytest.mark.parametrize(
    "wrong",
    [{"intra": -1.0}, {"inter": -1.0}, {"margin": -1.0}, {"largest": 0}, {"images": 1}],
)
def test_bad_arguments(wrong):
    with pytest.raises(MedtailError, match=f"{next(iter(wrong))} must be in"):
        build("range_loss", **wrong)
