"""MiSLAS: its smoothing, its head, its moving batch statistics."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.mislas import RECIPE, smoothed_cross_entropy, smoothing
from tests.methods.long_tail import COMMON, COUNTS, RARE, SPEC, N, batch, build, draw, log_softmax


def second_stage(**arguments):
    method = build("mislas", **arguments)
    return method.begin(method.stages[1]).train()


def test_the_smoothing_is_concave_in_the_counts():
    found = smoothing(COUNTS, 0.4, 0.1).tolist()
    u = (N - 80) / (4693 - 80)
    np.testing.assert_allclose(found, [0.1 + 0.3 * math.sin(math.pi * x / 2) for x in u], rtol=1e-6)
    assert found[COMMON] == max(found) == pytest.approx(0.4)
    assert found[RARE] == min(found) == pytest.approx(0.1)
    assert found[0] > 0.1 + 0.3 * u[0] + 0.01  # above the straight line
    assert [e for _, e in sorted(zip(N, found, strict=True))] == sorted(found)


def test_of_equal_counts_all_are_smoothed_as_the_head():
    assert smoothing(torch.tensor([5, 5, 5]), 0.3, 0.1).tolist() == pytest.approx([0.3] * 3)


def test_the_loss_is_the_formula():
    logits, target = draw(0)
    smooth = torch.linspace(0, 0.6, 7).double()
    each = []
    for row, y in zip(log_softmax(logits.numpy()), target.tolist(), strict=True):
        e = smooth[y].item()
        each.append((1 - e) * -row[y] + e * sum(-x for x in row) / 7)
    found = smoothed_cross_entropy(logits, target, smooth).item()
    assert found == pytest.approx(np.mean(each))
    plain = smoothed_cross_entropy(logits, target, torch.zeros(7))
    torch.testing.assert_close(plain, F.cross_entropy(logits, target))


def test_the_method_smooths_the_common_class_most():
    method, given = second_stage().eval(), batch()
    assert method.smooth[COMMON] == pytest.approx(0.3)
    assert method.smooth[RARE] == 0
    expected = smoothed_cross_entropy(method(given.image), given.target, smoothing(COUNTS, 0.3, 0))
    assert torch.equal(method.loss(given), expected)
    none = second_stage(head=0.0).eval()
    plain = F.cross_entropy(none(given.image), given.target)
    torch.testing.assert_close(none.loss(given), plain)


def test_the_scale_multiplies_the_bias_too_and_starts_at_one():
    method, image = second_stage().eval(), batch().image
    plain = nn.Module.__call__(method.classifier, method.features(image))
    assert torch.equal(method(image), plain)
    with torch.no_grad():
        method.classifier.bias.fill_(3.0)
        method.stretch.copy_(torch.arange(7.0))
    r = 1 + math.sqrt(5) * torch.arange(7.0)
    expected = r * (method.features(image) @ method.classifier.weight.T + 3.0)
    torch.testing.assert_close(method(image), expected)
    found = method.findings()
    assert found["scale/c"] == pytest.approx(1 + 2 * math.sqrt(5))
    assert found["smoothing/b"] == pytest.approx(0.3)


def test_a_step_moves_the_scale_five_times_as_fast():
    """As SGD of rate 0.1 on r beside 0.02 on W and b would."""
    method = second_stage()
    g = torch.linspace(-1, 1, 7)
    optimiser = torch.optim.SGD([method.stretch], lr=RECIPE.lr)
    (method.scale * g).sum().backward()
    before = method.scale.detach().clone()
    optimiser.step()
    torch.testing.assert_close(method.scale.detach() - before, -0.1 * g)
    assert (RECIPE.optimizer, RECIPE.lr, RECIPE.warmup) == ("momentum", 0.02, 0)
    assert method.stages[1].recipe == RECIPE


@pytest.mark.parametrize("shift", [True, False])
def test_in_stage_two_only_the_head_learns_and_the_statistics_shift(shift):
    method = second_stage(shift=shift)
    learns = {name for name, value in method.named_parameters() if value.requires_grad}
    assert learns == {"classifier.weight", "classifier.bias", "stretch"}
    before = {name: value.clone() for name, value in method.backbone.named_buffers()}
    method.loss(batch())
    after = dict(method.backbone.named_buffers())
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert bool(moved) == shift


def test_its_stages():
    method = build("mislas")
    assert [(s.by, s.share) for s in method.stages] == [("mixup", 0.8), (None, 0.2)]
    assert method.request(method.stages[1]).sampler == "class_balanced"
    assert SPEC.num_classes == len(method.stretch)
    assert method.shift


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"head": 1.0}, "head must be"), ({"tail": -0.1}, "tail must be"), ({"shift": "no"}, "shift")],
)
def test_bad_arguments(wrong, words):
    with pytest.raises(MedtailError, match=words):
        build("mislas", **wrong)
