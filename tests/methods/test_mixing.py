"""Mixup, Remix, Balanced-MixUp: what is mixed with what, and which targets it gets."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import NeedsImagesError
from medtail.methods import balanced_mixup, mixup, remix
from medtail.methods.core.mixing import draw_weight, mix, mixed_cross_entropy
from medtail.methods.remix import remix_target_weight

COUNTS = (778, 4693, 359, 228, 769, 80, 98)
SPEC = DataSpec("ham", tuple("abcdefg"), COUNTS, (16, 16))
COMMON, RARE = 1, 5


class Seen:
    """Stands in for a method's forward: keeps the image and answers fixed logits."""

    def __init__(self, method, monkeypatch):
        self.logits = torch.randn(8, 7)
        monkeypatch.setattr(method, "forward", self)

    def __call__(self, image):
        self.image = image
        return self.logits


def batch(seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(8, 3, 16, 16, generator=generator)
    target = torch.randint(0, 7, (8,), generator=generator)
    return Batch(image, target, torch.arange(8))


def fix(monkeypatch, module, weight: float, partner: torch.Tensor | None = None) -> None:
    monkeypatch.setattr(module, "draw_weight", lambda a, b: weight)
    if partner is not None:
        monkeypatch.setattr(module, "draw_partners", lambda image: partner)


def soft_cross_entropy(logits, first, second, weight) -> float:
    """-sum_k t_k log p_k with the mixed one-hot targets, written out."""
    z = logits.double().numpy()
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    weight = np.broadcast_to(np.asarray(weight, dtype=float), len(z))[:, None]
    target = weight * np.eye(7)[first] + (1 - weight) * np.eye(7)[second]
    return -(target * log_p).sum(1).mean()


@given(st.integers(0, 2**31), st.floats(0, 1))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_mixed_cross_entropy(seed, weight):
    rng = np.random.default_rng(seed)
    logits = torch.tensor(rng.normal(size=(8, 7)))
    first, second = (torch.tensor(rng.integers(0, 7, 8)) for _ in range(2))
    loss = mixed_cross_entropy(logits, first, second, weight).item()
    assert loss == pytest.approx(soft_cross_entropy(logits, first, second, weight), rel=1e-6)
    swapped = mixed_cross_entropy(logits, second, first, 1 - weight).item()
    assert loss == pytest.approx(swapped, rel=1e-6)
    plain = F.cross_entropy(logits, first).item()
    assert mixed_cross_entropy(logits, first, second, 1.0).item() == pytest.approx(plain)


def test_mix_is_a_convex_combination():
    first, second = torch.ones(2, 1, 3, 3), torch.full((2, 1, 3, 3), 5.0)
    assert torch.equal(mix(first, second, 0.75), torch.full((2, 1, 3, 3), 2.0))
    assert torch.equal(mix(first, second, 1.0), first)


def test_features_are_not_mixed_as_if_they_were_images():
    with pytest.raises(NeedsImagesError, match="it mixes images"):
        mix(torch.ones(2, 5), torch.ones(2, 5), 0.5)


def test_weights_have_the_mean_of_their_beta():
    torch.manual_seed(0)
    for a, b in ((1.0, 1.0), (0.2, 1.0)):
        drawn = np.array([draw_weight(a, b) for _ in range(2000)])
        assert ((drawn >= 0) & (drawn <= 1)).all()
        assert drawn.mean() == pytest.approx(a / (a + b), abs=0.02)


def test_mixup_pairs_images_and_targets_alike(monkeypatch):
    method, given = methods.build("mixup", SPEC), batch()
    seen, partner = Seen(method, monkeypatch), torch.tensor([3, 0, 1, 2, 7, 6, 5, 4])
    fix(monkeypatch, mixup, 0.25, partner)
    loss = method.loss(given)
    for i, j in enumerate(partner):
        expected = 0.25 * given.image[i] + 0.75 * given.image[j]
        torch.testing.assert_close(seen.image[i], expected)
    second = given.target[partner]
    expected = soft_cross_entropy(seen.logits, given.target, second, 0.25)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("name", "module"), [("mixup", mixup), ("remix", remix)])
def test_without_mixing_it_is_cross_entropy(name, module, monkeypatch):
    method, given = methods.build(name, SPEC), batch()
    seen = Seen(method, monkeypatch)
    fix(monkeypatch, module, 1.0)
    loss = method.loss(given)
    assert torch.equal(seen.image, given.image)
    assert loss.item() == pytest.approx(F.cross_entropy(seen.logits, given.target).item())


@pytest.mark.parametrize("name", ["mixup", "remix"])
def test_partners_are_others(name, monkeypatch):
    torch.manual_seed(0)
    method, given = methods.build(name, SPEC), batch()
    seen = Seen(method, monkeypatch)
    method.loss(given)
    differs = (seen.image - given.image).flatten(1).abs().amax(1) > 1e-6
    assert differs.sum() >= 6


@given(
    st.floats(0, 1), st.integers(1, 9999), st.integers(1, 9999), st.floats(1, 9), st.floats(0, 1)
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_remix_target_weight(weight, n_i, n_j, kappa, tau):
    ratio = n_i / n_j
    if ratio >= kappa and weight < tau:
        expected = 0.0
    elif ratio <= 1 / kappa and 1 - weight < tau:
        expected = 1.0
    else:
        expected = weight
    got = remix_target_weight(weight, torch.tensor([n_i]), torch.tensor([n_j]), kappa, tau)
    assert got.item() == pytest.approx(expected, abs=1e-6)


def test_remix_gives_the_target_to_the_rare_class_only():
    counts = torch.tensor(COUNTS)
    common, rare = counts[[COMMON]], counts[[RARE]]
    # A pair of a common and a rare image: where the common one's share is small, its target goes.
    assert remix_target_weight(0.4, common, rare, 3.0, 0.5).item() == 0
    assert remix_target_weight(0.6, rare, common, 3.0, 0.5).item() == 1
    # The rare one's target never goes, however small its share.
    assert remix_target_weight(0.1, rare, common, 3.0, 0.5).item() == pytest.approx(0.1)
    assert remix_target_weight(0.9, common, rare, 3.0, 0.5).item() == pytest.approx(0.9)
    # Classes of similar size: mixup.
    alike = counts[[0]], counts[[4]]
    assert remix_target_weight(0.4, *alike, 3.0, 0.5).item() == pytest.approx(0.4)


def test_remix_mixes_images_as_drawn_and_tips_the_targets(monkeypatch):
    method = methods.build("remix", SPEC)
    image = batch().image
    given = Batch(image, torch.tensor([COMMON] * 4 + [RARE] * 4), torch.arange(8))
    seen, partner = Seen(method, monkeypatch), torch.arange(8).flip(0)
    fix(monkeypatch, remix, 0.4, partner)
    loss = method.loss(given)
    torch.testing.assert_close(seen.image, 0.4 * image + 0.6 * image.flip(0))
    share = [0.0] * 4 + [0.4] * 4
    expected = soft_cross_entropy(seen.logits, given.target, given.target[partner], share)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    plain = methods.build("remix", SPEC, tau=0.0)
    seen_plain = Seen(plain, monkeypatch)
    expected = soft_cross_entropy(seen_plain.logits, given.target, given.target[partner], 0.4)
    assert plain.loss(given).item() == pytest.approx(expected, rel=1e-5)


def test_balanced_mixup_lets_the_natural_batch_dominate(monkeypatch):
    method = methods.build("balanced_mixup", SPEC)
    asked = method.request(method.stages[0])
    assert (asked.sampler, asked.second) == ("instance", "class_balanced")
    natural, balanced = batch(0), batch(1)
    seen = Seen(method, monkeypatch)
    fix(monkeypatch, balanced_mixup, 0.1)
    loss = method.loss(natural._replace(second=balanced))
    torch.testing.assert_close(seen.image, 0.9 * natural.image + 0.1 * balanced.image)
    expected = soft_cross_entropy(seen.logits, natural.target, balanced.target, 0.9)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    fix(monkeypatch, balanced_mixup, 0.0)
    loss = method.loss(natural._replace(second=balanced))
    assert torch.equal(seen.image, natural.image)
    assert loss.item() == pytest.approx(F.cross_entropy(seen.logits, natural.target).item())


def test_balanced_mixup_draws_beta_of_alpha_and_one(monkeypatch):
    method, drawn = methods.build("balanced_mixup", SPEC, alpha=0.3), []
    Seen(method, monkeypatch)
    monkeypatch.setattr(balanced_mixup, "draw_weight", lambda a, b: drawn.append((a, b)) or 0.5)
    method.loss(batch(0)._replace(second=batch(1)))
    assert drawn == [(0.3, 1.0)]
