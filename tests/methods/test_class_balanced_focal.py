"""The class-balanced focal loss: in loops, its limits, and logits at which P is 1."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.class_balanced_focal import class_balanced_focal_loss
from tests.methods.long_tail import COMMON, COUNTS, RARE, N, at, batch, build, draw, effective

WEIGHT = torch.tensor(effective(N, 0.9999))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_it_is_the_formula(gamma):
    logits, target = draw(1)
    total = 0.0
    for s, y in zip(logits.numpy(), target.tolist(), strict=True):
        for c in range(7):
            p = 1 / (1 + math.exp(-s[c]))
            p = p if c == y else 1 - p
            total += WEIGHT[y].item() * (1 - p) ** gamma * -math.log(p)
    loss = class_balanced_focal_loss(logits, target, WEIGHT, gamma)
    assert loss.item() == pytest.approx(total / 12)  # by images: not by classes, not by weights


def test_without_focus_and_weights_it_is_sigmoid_cross_entropy():
    logits, target = draw(2)
    plain = F.binary_cross_entropy_with_logits(
        logits, F.one_hot(target, 7).double(), reduction="none"
    ).sum(1)
    loss = class_balanced_focal_loss(logits, target, WEIGHT, 0.0)
    assert loss.item() == pytest.approx((WEIGHT[target] * plain).mean().item())
    ones = build("class_balanced_focal", beta=0.0).weight.double()
    loss = class_balanced_focal_loss(logits, target, ones, 0.0)
    assert loss.item() == pytest.approx(plain.mean().item())


def test_more_focus_lowers_the_loss_of_every_image_and_the_rare_cost_more():
    logits, target = draw(3)
    for i in range(12):
        rows = slice(i, i + 1)
        losses = [
            class_balanced_focal_loss(logits[rows], target[rows], WEIGHT, g).item()
            for g in (0.0, 0.5, 1.0, 2.0)
        ]
        assert losses == sorted(losses, reverse=True)
        assert len(set(losses)) == 4
    level = torch.zeros(1, 7)
    rare, common = (
        class_balanced_focal_loss(level, torch.tensor([c]), WEIGHT, 1.0).item()
        for c in (RARE, COMMON)
    )
    assert rare / common == pytest.approx((WEIGHT[RARE] / WEIGHT[COMMON]).item())
    assert rare > 30 * common


def test_where_p_rounds_to_one_something_is_left():
    logits = torch.full((1, 2), -30.0).index_fill(1, torch.tensor([0]), 30.0).requires_grad_()
    loss = class_balanced_focal_loss(logits, torch.tensor([0]), torch.ones(2), 0.5)
    expected = 2 * math.exp(-0.5 * 30) * math.exp(-30)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    loss.backward()
    assert logits.grad.isfinite().all()
    assert (logits.grad != 0).all()


def test_the_method_has_the_published_start_and_its_weights():
    method, given = build("class_balanced_focal"), batch()
    assert method.classifier.bias.tolist() == pytest.approx([-math.log(6)] * 7)
    np.testing.assert_allclose(method.weight, WEIGHT, rtol=1e-5)
    expected = class_balanced_focal_loss(method(given.image), given.target, method.weight, 1.0)
    assert torch.equal(method.loss(given), expected)
    assert method.weight[RARE] > 30 * method.weight[COMMON]
    assert not torch.allclose(
        method.loss(given), build("class_balanced_focal", gamma=0.0).loss(given)
    )
    assert COUNTS[RARE] == 80


@pytest.mark.parametrize(("progress", "weighted"), [(0.0, False), (0.79, False), (0.8, True)])
def test_weights_may_be_deferred(progress, weighted):
    method, given = at(build("class_balanced_focal", drw=True), progress), batch()
    weight = method.weight if weighted else torch.ones(7)
    expected = class_balanced_focal_loss(method(given.image), given.target, weight, 1.0)
    assert torch.equal(method.loss(given), expected)


@pytest.mark.parametrize("wrong", [{"gamma": -1.0}, {"beta": 1.0}])
def test_bad_arguments(wrong):
    with pytest.raises(MedtailError, match=f"{next(iter(wrong))} must be in"):
        build("class_balanced_focal", **wrong)
