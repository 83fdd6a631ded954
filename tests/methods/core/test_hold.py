"""A backbone that learns nothing while its batch statistics follow the stream."""

import copy

import pytest
import torch
from torch import nn

from medtail import methods
from tests.methods.test_contract import SPEC, build, fit


@pytest.fixture
def holder():
    """Cross-entropy whose only stage holds the backbone."""
    method = build("erm")
    parts = {"enter": lambda self, stage: self.hold("backbone")}
    method.__class__ = type("Holds", (type(method),), parts)
    return method


def moved(method, train):
    before = copy.deepcopy(method.state_dict())
    train()
    return {k for k, v in method.state_dict().items() if not torch.equal(before[k], v)}


def test_statistics_move_and_no_parameter_of_the_backbone(holder):
    norms = [m for m in holder.backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    before = copy.deepcopy(norms[0])
    changed = moved(holder, lambda: fit(holder, holder.stages[0], epochs=2))
    assert changed >= {"classifier.weight", "classifier.bias"}
    inside = {key.rpartition(".")[2] for key in changed if key.startswith("backbone.")}
    assert inside == {"running_mean", "running_var", "num_batches_tracked"}
    assert sum(key.endswith("running_mean") for key in changed) == len(norms)
    assert norms[0].weight.grad is norms[0].bias.grad is None
    # By the usual rule: 4 steps of a momentum of 0.1.
    assert norms[0].num_batches_tracked - before.num_batches_tracked == 4


def test_the_statistics_are_those_of_the_batches_that_were_shown(holder):
    holder.begin(holder.stages[0]).train()
    image = 3 + 2 * torch.randn(8, 3, 16, 16)
    norm = next(m for m in holder.backbone.modules() if isinstance(m, nn.BatchNorm2d))
    seen = []
    norm.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    old = norm.running_mean.clone()
    holder.features(image)
    expected = 0.9 * old + 0.1 * seen[0].mean((0, 2, 3))
    torch.testing.assert_close(norm.running_mean, expected)


def test_what_is_frozen_stays_frozen(holder):
    holder.freeze("backbone")
    changed = moved(holder, lambda: fit(holder, holder.stages[0]))
    assert not {key for key in changed if key.startswith("backbone.")}


def test_a_part_alone(holder):
    method = methods.build("erm", SPEC).hold("backbone.layer1", "classifier")
    learns = {name for name, value in method.named_parameters() if value.requires_grad}
    assert not {n for n in learns if n.startswith(("backbone.layer1.", "classifier."))}
    assert {n for n in learns if n.startswith("backbone.layer2.")}
