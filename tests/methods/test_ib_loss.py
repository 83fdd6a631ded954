"""IB loss: its factor and loss in loops, with and without a gradient through the factor."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.ib_loss import influence_balanced_loss, influence_factor
from tests.methods.long_tail import COMMON, RARE, N, batch, build, draw, log_softmax

WEIGHT = torch.tensor(1 / N / (1 / N).sum() * 7)
FEATURES = torch.randn(12, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def second_stage(**arguments):
    method = build("ib_loss", **arguments)
    return method.begin(method.stages[1]).eval()


def test_the_factor():
    logits, target = draw(0)
    found = influence_factor(logits, FEATURES, target, 1000.0)
    p = np.exp(log_softmax(logits.numpy()))
    for i, y in enumerate(target.tolist()):
        error = sum(abs(p[i, c] - (c == y)) for c in range(7))
        size = sum(abs(x) for x in FEATURES[i].tolist())
        assert found[i].item() == pytest.approx(1000 / (error * size + 0.001))


def test_an_image_that_is_far_off_or_has_large_features_counts_less():
    logits, target = torch.tensor([[4.0, 0], [0, 0], [-4, 0]]), torch.zeros(3).long()
    factor = influence_factor(logits, torch.ones(3, 5), target, 1000.0)
    assert factor[0] > factor[1] > factor[2]
    twice = influence_factor(logits, 2 * torch.ones(3, 5), target, 1000.0)
    assert (twice < factor).all()
    certain = influence_factor(torch.tensor([[200.0, 0]]), torch.ones(1, 5), target[:1], 1000.0)
    assert certain.item() == pytest.approx(1e6)


def test_the_loss():
    logits, target = draw(1)
    factor = influence_factor(logits, FEATURES, target, 1000.0)
    likely = log_softmax(logits.numpy())
    each = [
        WEIGHT[y].item() * -likely[i, y] * factor[i].item() for i, y in enumerate(target.tolist())
    ]
    found = influence_balanced_loss(logits, target, WEIGHT, factor)
    assert found.item() == pytest.approx(np.mean(each))
    # A factor of 1 is weighted cross-entropy.
    plain = F.cross_entropy(logits, target, reduction="none")
    ones = influence_balanced_loss(logits, target, WEIGHT, torch.ones(12))
    assert ones.item() == pytest.approx((WEIGHT[target] * plain).mean().item())


@pytest.mark.parametrize("detach", [False, True])
def test_the_method_and_whether_its_factor_is_differentiated(detach):
    method, given = second_stage(detach=detach), batch()
    f = method.features(given.image)
    logits = method.score(f)
    error = (logits.softmax(1) - F.one_hot(given.target, 7)).abs().sum(1)
    factor = 1000 / (error * f.abs().sum(1) + 0.001)
    if detach:
        factor = factor.detach()
    surprise = F.cross_entropy(logits, given.target, reduction="none")
    expected = (WEIGHT.float()[given.target] * surprise * factor).mean()
    loss = method.loss(given)
    torch.testing.assert_close(loss, expected)
    weight = method.classifier.weight
    (mine,) = torch.autograd.grad(loss, weight)
    torch.testing.assert_close(mine, torch.autograd.grad(expected, weight)[0])
    assert method.findings()["mean_factor"] == pytest.approx(factor.mean().item(), rel=1e-5)


def test_the_mean_factor_is_over_all_steps():
    method = second_stage()
    assert method.findings() == {}
    factors = []
    for seed, size in ((0, 8), (1, 12)):
        given = batch(seed, size)
        f = method.features(given.image)
        factors += influence_factor(method.score(f), f, given.target, 1000.0).tolist()
        method.loss(given)
    assert method.findings()["mean_factor"] == pytest.approx(np.mean(factors))


def test_the_default_is_the_published_code():
    given, gradients = batch(), []
    for arguments in ({}, {"detach": False}, {"detach": True}):
        method = second_stage(**arguments)
        gradients += torch.autograd.grad(method.loss(given), method.classifier.weight)
    assert torch.equal(gradients[0], gradients[1])
    assert not torch.allclose(gradients[0], gradients[2], rtol=0.01)
    assert method.weight[RARE] > 50 * method.weight[COMMON]


def test_its_stages():
    method = build("ib_loss")
    first, second = method.stages
    assert (first.by, first.share, second.share) == ("erm", 0.5, 0.5)
    recipe = second.recipe
    assert (recipe.optimizer, recipe.lr, recipe.schedule) == ("momentum", 0.001, "step")
    # Of the whole: 160 and 180 of 200 epochs.
    assert [0.5 + share / 2 for share in recipe.milestones] == pytest.approx([0.8, 0.9])
    assert recipe.gamma == 0.01
    method.begin(second)
    assert all(p.requires_grad for p in method.parameters())


def test_bad_arguments():
    with pytest.raises(MedtailError, match="amplitude must be in"):
        build("ib_loss", amplitude=0.0)
    with pytest.raises(MedtailError, match="detach must be true or false"):
        build("ib_loss", detach=1)
