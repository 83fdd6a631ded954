"""GCL: its clouds, its two losses, its limits."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.datamodules.core.errors import MedtailError
from medtail.methods import gcl
from medtail.methods.gcl import cloud_sizes, clouded, clouds, rebalanced_loss
from tests.methods.long_tail import COMMON, COUNTS, RARE, N, batch, build, draw, log_softmax


def second_stage(**arguments):
    method = build("gcl", **arguments)
    return method.begin(method.stages[1]).eval()


def cosines(method, image):
    f = method.features(image).detach().double().numpy()
    w = method.classifier.weight.detach().double().numpy()
    return (f @ w.T) / np.outer(np.linalg.norm(f, axis=1), np.linalg.norm(w, axis=1))


def test_cloud_sizes():
    found = cloud_sizes(COUNTS)
    for n, size in zip(N, found.tolist(), strict=True):
        assert size == pytest.approx(math.log(4693 / n) / math.log(4693 / 80))
    assert found[COMMON] == 0
    assert found[RARE] == 1
    assert cloud_sizes(torch.tensor([9, 9])).tolist() == [0, 0]


def test_clouds_are_half_normals_cut_at_one_by_the_generator():
    torch.manual_seed(3)
    drawn = clouds(torch.Size([4000, 7]))
    assert drawn.min() >= 0
    assert drawn.max() == 1  # three deviations: 0.3 % are cut
    assert (drawn == 1).float().mean() == pytest.approx(0.0027, abs=0.001)
    assert drawn.mean() == pytest.approx(math.sqrt(2 / math.pi) / 3, abs=0.005)
    torch.manual_seed(3)
    assert torch.equal(clouds(torch.Size([4000, 7])), drawn)


def test_every_column_of_a_rare_class_is_lowered_and_the_target_has_the_margin():
    cosine, cloud = torch.rand(2, 7), torch.rand(2, 7)
    found = clouded(cosine, torch.tensor([0, 3]), cloud, 0.1)
    for i, y in enumerate((0, 3)):
        for c in range(7):
            expected = cosine[i, c] - cloud[i, c] - (0.1 if c == y else 0)
            assert found[i, c].item() == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
def test_the_rebalanced_loss_and_its_gradient(gamma):
    logits, target = draw(2)
    logits.requires_grad_()
    loss = rebalanced_loss(logits, target, gamma)
    likely = log_softmax(logits.detach().numpy())[np.arange(12), target.numpy()]
    weight = (1 - np.exp(likely)) ** gamma
    assert loss.item() == pytest.approx((weight * -likely).mean())
    (found,) = torch.autograd.grad(loss, logits)
    error = np.exp(log_softmax(logits.detach().numpy())) - np.eye(7)[target.numpy()]
    np.testing.assert_allclose(found, weight[:, None] * error / 12, atol=1e-12)


@pytest.mark.parametrize("stage", [0, 1])
def test_the_loss_of_each_stage(stage, monkeypatch):
    method, given = second_stage() if stage else build("gcl"), batch()
    noise, asked = torch.rand(8, 7), []
    monkeypatch.setattr(gcl, "clouds", lambda shape: asked.append(tuple(shape)) or noise)
    size = [math.log(4693 / n) / math.log(4693 / 80) for n in N]
    z = cosines(method, given.image) - 0.5 * np.array(size) * noise.double().numpy()
    rows, y = np.arange(8), given.target.numpy()
    if stage:
        z[rows, y] -= 0.1
        likely = log_softmax(20 * z)[rows, y]
        expected = ((1 - np.exp(likely)) * -likely).mean()
    else:
        expected = -log_softmax(30 * z)[rows, y].mean()
    assert method.loss(given).item() == pytest.approx(expected, rel=1e-4)
    assert asked == [(8, 7)]  # fresh for each image and class


def test_without_clouds_and_margin_it_is_cosine_cross_entropy():
    method, given = build("gcl", amplitude=0.0), batch()
    plain = F.cross_entropy(method(given.image), given.target)
    torch.testing.assert_close(method.loss(given), plain)
    torch.manual_seed(0)
    assert not torch.allclose(build("gcl").loss(given), plain, rtol=1e-2)
    head = second_stage(amplitude=0.0, margin=0.0, gamma=0.0)
    plain = F.cross_entropy(20 / 30 * head(given.image), given.target)
    torch.testing.assert_close(head.loss(given), plain)


def test_at_equal_cosines_a_rare_class_costs_more_in_the_mean_over_draws():
    torch.manual_seed(1)
    level, size = torch.zeros(500, 7), cloud_sizes(COUNTS)
    losses = []
    for c in (RARE, COMMON):
        target = torch.full((500,), c)
        cloud = 0.5 * size * clouds(level.shape)
        losses.append(F.cross_entropy(30 * clouded(level, target, cloud, 0.0), target))
    assert losses[0] > losses[1] + 1


def test_no_noise_at_test_and_fresh_noise_in_training():
    method, given = build("gcl"), batch()
    np.testing.assert_allclose(
        method(given.image).detach(), 30 * cosines(method, given.image), atol=1e-4
    )
    assert torch.equal(method(given.image), method(given.image))
    assert method.loss(given) != method.loss(given)


def test_stage_two_keeps_the_head_on_a_frozen_backbone():
    method = build("gcl")
    before = method.classifier.weight.detach().clone()
    method.begin(method.stages[1])
    assert torch.equal(method.classifier.weight, before)
    assert [n for n, p in method.named_parameters() if p.requires_grad] == ["classifier.weight"]
    assert "backbone" in method._frozen
    samplers = [method.request(stage).sampler for stage in method.stages]
    assert samplers == ["instance", "class_balanced"]
    assert [(s.share, s.by) for s in method.stages] == [(0.8, None), (0.2, None)]


@pytest.mark.parametrize("wrong", [{"amplitude": -1.0}, {"margin": 3.0}, {"gamma": -1.0}])
def test_bad_arguments(wrong):
    with pytest.raises(MedtailError, match=f"{next(iter(wrong))} must be in"):
        build("gcl", **wrong)
